"""Going on with a run or a pack: what may change, where it stands, and what an earlier attempt left behind."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coalactl.configuration import differences, plain, resolve, validate
from coalactl.engines import engine_for, spread_over
from coalactl.environment import log_to, prepare_jax
from coalactl.errors import ExitCode, UserError
from coalactl.output import note
from coalactl.presets import find_preset, read_preset
from coalactl.runs.directory import RunDirectory, Status, is_pack
from coalactl.runs.layout import FORMAT
from coalactl.runs.pack import Pack
from coalactl.tracking.telling import is_told, telling
from coalactl.trained import experiment_of
from coalactl.training.attempt import run_attempt, stores_of, warn
from coalactl.training.memory import check_memory
from coalactl.training.outcome import report
from coalactl.training.peers import check_sharing
from coalactl.training.records import Company, Runs, Training
from coalactl.training.request import TrainRequest, with_seeds_in_run

if TYPE_CHECKING:
    from coalactl.engines import Engine
    from coalactl.training.store import RunStore

_log = logging.getLogger(__name__)


def resume(path: Path, request: TrainRequest, company: Company) -> ExitCode:
    """Goes on with the run or pack at the path; a finished one tells its summary again."""
    runs, peers = _changed(_open(path), request), company.peers
    with peers.held(runs.lock()):
        if peers.leads:
            log_to(runs.runs[0].log_file)
        statuses = [status_in(run) for run in runs.runs]
        wanted = runs.experiments[0].run.iterations
        if all(status.state == "finished" and status.iteration == wanted for status in statuses):
            if not peers.leads:
                return ExitCode.OK
            _write_configurations(runs)
            if not is_told(runs.runs, company.trackers, wanted):
                with telling(runs.runs, company.trackers, wanted, warn):
                    pass
            if not request.quiet:
                note(f"{runs.path}: finished already, {wanted} iterations")
            prepare_jax()
            return report(runs.runs, runs.path, request)
        return _go_on(runs, statuses, request, company)


def _go_on(runs: Runs, statuses: Sequence[Status], request: TrainRequest, company: Company) -> ExitCode:
    begun, devices, peers = runs.experiments[0].compute.devices, _devices(runs, request), company.peers
    with company.stop.leaving_at_once():
        prepare_jax(devices if devices == begun and isinstance(devices, int) else None)
        engine = engine_for(spread_over(runs.experiments[0], devices))
        runs = runs._replace(
            experiments=tuple(spread_over(each, engine.experiment.compute.devices) for each in runs.experiments)
        )
        check_memory(engine, len(runs.runs))
        check_sharing(peers, runs.experiments)
        stores = stores_of(runs, statuses[0].preset, leads=peers.leads)
        state, step = _restored(runs, engine, stores, statuses)
    # All have read before the first process removes what comes after the step.
    peers.check_same("checkpoints", str(step))
    if step > runs.experiments[0].run.iterations:
        raise UserError(
            f"run.iterations: {runs.experiments[0].run.iterations} given; "
            f"{runs.path} has done {step} already, use at least that"
        )
    if peers.leads:
        _write_configurations(runs)
    seconds = _begin_again(runs, stores, step) if peers.leads else 0.0
    _log.info("resumed at iteration %d", step)
    if engine.experiment.compute.devices != begun and peers.leads:
        warn(
            f"devices: {begun} so far, {engine.experiment.compute.devices} from here on; "
            "equal up to the order of summation"
        )
    return run_attempt(Training(runs, engine, stores, state, step, seconds), request, company)


def devices_of(path: Path) -> int | None:
    """The devices that the run or pack at the path is spread over."""
    devices = _open(path).experiments[0].compute.devices
    return devices if isinstance(devices, int) else None


def take_up(runs: Runs, engine: Engine, stores: Sequence[RunStore], statuses: Sequence[Status]) -> Training:
    """Locked runs at their newest common checkpoint, or fresh; what an attempt left behind it is dropped.

    Raises :class:`UserError` (damaged) where there were checkpoints and none is whole.
    """
    state, step = _restored(runs, engine, stores, statuses)
    return Training(runs, engine, stores, state, step, _begin_again(runs, stores, step))


def _restored(runs: Runs, engine: Engine, stores: Sequence[RunStore], statuses: Sequence[Status]) -> tuple[Any, int]:
    """The state at the newest common checkpoint of all that have not diverged, and its step."""
    from coalactl.training.initial import fresh_state
    from coalactl.training.store import lane_of, restore_newest, stack

    _check_numbers(runs)
    state = engine.init([experiment.run.seed for experiment in runs.experiments], runs.experiments)
    alive = [lane for lane, status in enumerate(statuses) if status.state != "diverged"] or list(range(len(stores)))
    for lane in set(range(len(stores))) - set(alive):
        stores[lane].stay_out("in an earlier attempt")
    restored = restore_newest([runs.runs[lane] for lane in alive], lane_of(state, 0), warn)
    if restored is None:
        if any("init_from" in run.read_provenance() for run in runs.runs):
            raise UserError(
                f"{runs.path}: the parameters it started from (--init-from) are gone; start it anew", ExitCode.DAMAGED
            )
        return fresh_state(engine, runs.experiments), 0
    step, saved_states = restored
    lanes = [lane_of(state, lane) for lane in range(len(stores))]
    for lane, saved in zip(alive, saved_states, strict=True):
        lanes[lane] = saved
        stores[lane].restored(step)
    return stack(lanes), step


def _check_numbers(runs: Runs) -> None:
    """Raises :class:`UserError` (conflict) where JAX is set to make other numbers than it made so far."""
    from coalactl.runs.provenance import number_settings, other_numbers

    try:
        others = other_numbers(runs.runs[0].read_provenance(), number_settings())
    except UserError:  # It only tells.
        return
    if others:
        raise UserError(
            f"{runs.path}: its numbers would be others from here on: {'; '.join(others)}; "
            "set that as it was, or start a new run",
            ExitCode.RUN_CONFLICT,
        )


def _begin_again(runs: Runs, stores: Sequence[RunStore], step: int) -> float:
    """Notes the attempt and drops the rows that come after the step; the training time until there, in seconds."""
    import jax

    from coalactl.runs.provenance import add_attempt, describe_attempt, number_settings, other_flags

    description = describe_attempt(["coalactl", *sys.argv[1:]], jax.devices(), number_settings())
    attempt = {**description, "from_iteration": step}
    for number, run in enumerate(runs.runs):
        known = _provenance(run, attempt)
        if number == 0 and (changed := other_flags(known)):
            warn(changed)
        run.write_provenance({**add_attempt(known, attempt), "format": FORMAT})
    alive = [store for store in stores if store.diverged is None]
    return max((store.drop_after(step) for store in alive), default=0.0)


def _open(path: Path) -> Runs:
    if is_pack(path):
        pack = Pack.open(path)
        return Runs(path, pack.runs, tuple(experiment_of(run) for run in pack.runs), (pack,))
    run = RunDirectory.open(path)
    return Runs(path, (run,), (experiment_of(run),), (run,))


def _changed(runs: Runs, request: TrainRequest) -> Runs:
    """The runs with what may change on resume changed; refuses everything else that differs."""
    own = runs.experiments[0]
    if own.kind == "analytical":
        request = with_seeds_in_run(request)
    if request.seeds is not None and request.seeds != len(runs.runs):
        raise _conflict(runs, [f"--seeds: {len(runs.runs)} in the run, {request.seeds} given"])
    if request.preset is not None:
        preset = find_preset(request.preset)
        asked = resolve(read_preset(preset), preset.label, {"run.seed": (own.run.seed, "the run"), **request.overrides})
    else:
        asked = resolve(plain(own), "the run's config.toml", request.overrides)
    if changes := differences(own, asked.experiment):
        raise _conflict(runs, changes)
    changed = {key: value for key, (value, _) in request.overrides.items() if key.startswith("run.")}
    settings = {key.partition(".")[2]: value for key, value in changed.items()}
    experiments = []
    for experiment in runs.experiments:
        tree = plain(experiment)
        tree["run"].update({**settings, "seed": experiment.run.seed})
        experiments.append(validate(tree))
    return runs._replace(experiments=tuple(experiments))


def _devices(runs: Runs, request: TrainRequest) -> int | str:
    """On how many devices to go on: as asked for, else as the runs were begun."""
    asked = request.overrides.get("compute.devices", ("auto", ""))[0]
    return runs.experiments[0].compute.devices if asked == "auto" else asked


def _conflict(runs: Runs, changes: Sequence[str]) -> UserError:
    return UserError(
        f"{runs.path} belongs to another configuration: {'; '.join(changes)}; "
        "only run.iterations, log_every, checkpoint_every and keep may change, and compute.devices",
        ExitCode.RUN_CONFLICT,
    )


def _write_configurations(runs: Runs) -> None:
    for run, experiment in zip(runs.runs, runs.experiments, strict=True):
        if run.read_config() != plain(experiment):
            run.write_config(plain(experiment))


def _provenance(run: RunDirectory, attempt: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of how the run was made; of one that cannot be read only this attempt is."""
    try:
        return run.read_provenance()
    except UserError as error:  # It only tells, once there is a checkpoint to go on from.
        warn(str(error))
        return {"format": FORMAT, **attempt}


def status_in(run: RunDirectory) -> Status:
    """The status of a run; of a damaged one the user is told."""
    try:
        return run.read_status()
    except UserError as error:  # The status only tells; the checkpoints are what counts.
        warn(str(error))
        return Status(preset="", method="", seed=0)
