"""Starting and resuming: from a request to a session, and what is told at the end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coalactl.configuration import method_name, plain, resolve, validate, with_choices
from coalactl.engines import engine_for
from coalactl.environment import log_to, prepare_jax
from coalactl.errors import ExitCode
from coalactl.output import note
from coalactl.presets import DEFAULT_PRESET, Preset, find_preset, read_preset
from coalactl.runs.directory import RunDirectory, reserved
from coalactl.runs.pack import Pack
from coalactl.runs.sources import digests_of, name_of
from coalactl.tracking.choice import kept_at, load
from coalactl.training.attempt import run_attempt, stores_of
from coalactl.training.peers import Peers, check_sharing, joined
from coalactl.training.records import Company, Runs, Training
from coalactl.training.request import TrainRequest, with_seeds_in_run
from coalactl.training.resuming import devices_of, resume
from coalactl.training.signals import StopSignals
from coalactl_core.configuration.kinds import Experiment

if TYPE_CHECKING:
    from coalactl.engines import Engine

_log = logging.getLogger(__name__)


def train(request: TrainRequest) -> ExitCode:
    """Does what the request asks; raises :class:`UserError`."""
    devices = None if request.resume is None or request.group is None else devices_of(request.resume)
    with StopSignals() as stop, joined(request.group, stop, devices) as peers:
        request = _with_trackers(request, stop, peers)
        if not peers.leads:  # The first process tells what there is to tell.
            request = request._replace(quiet=True, json=False, track=())
        company = Company(stop, peers, request.track or ())
        if request.resume is not None:
            return resume(request.resume, request, company)
        return _start(request, company)


def _with_trackers(request: TrainRequest, stop: StopSignals, peers: Peers) -> TrainRequest:
    """The request with the trackers that the run has, loaded so that what is missing is told before there is a run."""
    if request.track is None and request.resume is not None:
        request = request._replace(track=kept_at(request.resume))
    names = request.track or ()

    def check() -> str:
        load(names)
        return ""

    with stop.leaving_at_once():
        peers.led(check)
    return request


def _start(request: TrainRequest, company: Company) -> ExitCode:
    preset = find_preset(request.preset or DEFAULT_PRESET)
    resolved = resolve(read_preset(preset), preset.label, request.overrides)
    if resolved.experiment.kind == "analytical":
        request = with_seeds_in_run(request)
        resolved = resolve(read_preset(preset), preset.label, request.overrides)
    if request.preset is None and not request.quiet:
        note(f"no preset given: taking {preset.name}")
    with company.stop.leaving_at_once():
        prepare_jax()
        from coalactl.training.describe import costs_in_words, describe
        from coalactl.training.memory import check_memory

        engine = engine_for(resolved.experiment)
    resolved = with_choices(resolved, engine.experiment)
    first_seed, count = resolved.experiment.run.seed, request.seeds or 1
    experiments = tuple(_with_seed(resolved.experiment, first_seed + number) for number in range(count))
    if request.dry_run:
        describe(engine, resolved, preset, count, json=request.json)
        return ExitCode.OK
    if not request.quiet:
        for line in costs_in_words(resolved.experiment):
            note(line)
    check_memory(engine, count)
    check_sharing(company.peers, experiments)
    return _start_from(engine, experiments, preset, request, company)


def _start_from(
    engine: Engine, experiments: tuple[Experiment, ...], preset: Preset, request: TrainRequest, company: Company
) -> ExitCode:
    from coalactl.training.initial import fresh_state, initial_parameters, sources_of
    from coalactl.training.store import lane_of

    with company.stop.leaving_at_once():
        state = fresh_state(engine, experiments)
        if request.init_from is not None:
            seeds = [experiment.run.seed for experiment in experiments]
            state = initial_parameters(request.init_from, engine, state, seeds)
    path = Path(company.peers.led(lambda: str(_create(experiments, preset, request))))
    runs = _runs_at(path, experiments, request)
    with company.peers.held(runs.lock()):
        if company.peers.leads:
            log_to(runs.runs[0].log_file)
        stores = stores_of(runs, preset.name, leads=company.peers.leads)
        starts_elsewhere = request.init_from is not None or bool(sources_of(experiments[0]))
        for lane, store in enumerate(stores):
            store.tell("running", 0, 0.0)
            if starts_elsewhere:  # Nothing in the run's own files but this says where it started.
                store.save(lane_of(state, lane), 0)
        return run_attempt(Training(runs, engine, stores, state), request, company)


def _create(experiments: tuple[Experiment, ...], preset: Preset, request: TrainRequest) -> Path:
    """Makes the run or pack; its place."""
    import jax

    from coalactl.runs.provenance import collect, number_settings
    from coalactl.training.initial import sources_of

    provenance = collect(["coalactl", *sys.argv[1:]], jax.devices(), number_settings())
    provenance["preset"] = preset.name
    if request.init_from is not None:
        provenance["init_from"] = name_of(request.init_from)
    provenance |= digests_of([request.init_from, *sources_of(experiments[0]).values()])
    path = request.out or reserved(Path("runs"), _default_name(experiments, preset))
    if request.seeds is None:
        RunDirectory.create(path, plain(experiments[0]), provenance)
    else:
        Pack.create(path, {each.run.seed: plain(each) for each in experiments}, provenance)
    return path


def _runs_at(path: Path, experiments: tuple[Experiment, ...], request: TrainRequest) -> Runs:
    if request.seeds is None:
        run = RunDirectory(path)
        return Runs(path, (run,), experiments, (run,))
    pack = Pack(path, [each.run.seed for each in experiments])
    return Runs(path, pack.runs, experiments, (pack,))


def _default_name(experiments: Sequence[Experiment], preset: Preset) -> str:
    """``PRESET-METHOD-sSEED``, of several seeds the first and the last."""
    seeds = [experiment.run.seed for experiment in experiments]
    named = f"s{seeds[0]}" if len(seeds) == 1 else f"s{seeds[0]}-s{seeds[-1]}"
    return f"{preset.name}-{method_name(experiments[0])}-{named}"


def _with_seed(experiment: Experiment, seed: int) -> Experiment:
    tree = plain(experiment)
    tree["run"]["seed"] = seed
    return validate(tree)
