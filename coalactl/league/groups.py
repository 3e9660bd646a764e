"""From a definition to who plays, before anything is trained or loaded: runs by setting, learners, strategies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from coalactl import zoo
from coalactl.configuration import method_name, resolve
from coalactl.errors import UserError
from coalactl.evaluation.contestants import Entry, check_same_game, enter, same_settings
from coalactl.league.definition import Definition, EntrantConfig, check_name, check_names, no_such_run
from coalactl.papers.trains import TrainingPart
from coalactl.paths import typed
from coalactl.presets import find_preset, read_preset
from coalactl.reproduction.sweeps import sweep_of
from coalactl.runs.agent_file import named_as_one, place_of
from coalactl.runs.directory import RunDirectory
from coalactl.runs.finding import Kind, find, kind_at
from coalactl.sweep.folder import SweepFolder
from coalactl.sweep.plan import plan
from coalactl_core.configuration.environments import seats_differ
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment
from coalactl_core.games import words_of

TRAINING = "training"


class EntrantGroup(NamedTuple):
    """An entrant by name; ``entries`` are its runs, one a seed (none of learners and strategies).

    ``part`` is what trains those runs, where they are the league's own.
    """

    name: str
    config: EntrantConfig
    entries: tuple[Entry, ...] = ()
    part: TrainingPart | None = None

    @property
    def kind(self) -> str:
        """``run``, ``learner`` or ``strategy``."""
        return "learner" if self.config.learner else "strategy" if self.config.strategy else "run"


class Gathered(NamedTuple):
    """All who play, and the experiment that has the game and what learners are like."""

    groups: tuple[EntrantGroup, ...]
    experiment: SequenceExperiment


def gather(definition: Definition, folder: Path) -> Gathered:
    """Who plays; raises :class:`UserError` with one line where they cannot play each other."""
    groups = [group for entrant in definition.entrants for group in _groups(entrant, folder)]
    groups = _with_names(groups)
    check_names([group.name for group in groups])
    entries = [entry for group in groups for entry in group.entries]
    if definition.preset:
        entries.insert(0, _entry_of_preset(definition.preset))
    length = definition.play.inner_episode_length
    check_same_game(entries, "a league", any_length=length is not None)
    experiment = entries[0].experiment
    if length is not None:
        experiment = _with_length(experiment, length)
    if seats_differ(experiment.environment):
        raise UserError(
            "a league sits everybody in either seat, and agents learn in the first one only; its game pays the second "
            "by another table (environment.payoffs_second); use coalactl eval --pool naive"
        )
    for group in groups:
        _check_strategy(group, experiment)
    return Gathered(tuple(groups), experiment)


def _with_length(experiment: SequenceExperiment, length: int) -> SequenceExperiment:
    rollout = experiment.rollout.model_copy(update={"inner_episode_length": length})
    return experiment.model_copy(update={"rollout": rollout})


def runs_of(part: TrainingPart, folder: Path) -> list[Path]:
    """Where the runs of a part are, or will be."""
    (trial,) = plan(sweep_of(part, folder / TRAINING))
    pack = SweepFolder(folder / TRAINING / part.name).job(trial).path
    return [pack / f"seed-{seed}" for seed in trial.seeds]


def _groups(entrant: EntrantConfig, folder: Path) -> Iterator[EntrantGroup]:
    if entrant.preset:
        yield _group_of_preset(entrant, folder)
    elif entrant.run:
        entries = enter([path for run in entrant.run for path in _paths(run)], None)
        settings = same_settings(entries)
        if entrant.name and len(settings) > 1:
            raise UserError(
                f"entrant {entrant.name!r}: its runs are of {len(settings)} settings, {entries[settings[0][0]].label} "
                f"and {entries[settings[1][0]].label} among them; an entrant has one"
            )
        for indices in settings:
            yield EntrantGroup(entrant.name, entrant, tuple(entries[index] for index in indices))
    else:
        yield EntrantGroup(entrant.name, entrant)


def _paths(run: str) -> list[Path]:
    """Runs, packs and agent files at a path; of a sweep the final ones, or its trials where it has no final ones."""
    path = Path(run)
    if zoo.is_named(path):
        return [path]
    kind: Kind | None = kind_at(path)
    if kind is None and not path.exists():
        raise no_such_run(run)
    if kind != "sweep":
        return [path]
    for name in ("final", "trials"):
        if paths := [each.path for each in find(path / name)]:
            return paths
    raise UserError(f"{path}: the sweep has no runs yet; go on with: coalactl sweep --resume {typed(path)}")


def _group_of_preset(entrant: EntrantConfig, folder: Path) -> EntrantGroup:
    preset = find_preset(entrant.preset)
    name = entrant.name or preset.name
    check_name(name)
    part = TrainingPart(name=name, preset=entrant.preset, settings=entrant.set, seeds=entrant.seeds)
    (trial,) = plan(sweep_of(part, folder / TRAINING))
    entries = [
        Entry(RunDirectory(path), f"{name}/{path.name}", _sequence(experiment, f"entrant {name!r}: {entrant.preset}"))
        for path, experiment in zip(runs_of(part, folder), trial.experiments(), strict=True)
    ]
    return EntrantGroup(name, entrant, tuple(entries), part)


def _entry_of_preset(name: str) -> Entry:
    """What a preset is to the check of games."""
    experiment = resolve(read_preset(find_preset(name)), f"preset {name}", {}).experiment
    return Entry(RunDirectory(name), name, _sequence(experiment, f"preset: {name}"))


def _sequence(experiment: Experiment, what: str) -> SequenceExperiment:
    if not isinstance(experiment, SequenceExperiment):
        raise UserError(f"{what} is of kind {experiment.kind!r}; use one of kind 'sequence'")
    return experiment


def _with_names(groups: Sequence[EntrantGroup]) -> list[EntrantGroup]:
    """Runs without a name are called by their methods, or where that names several, by their folders as well."""
    methods = [group.name or _method(group) for group in groups]
    return [
        group._replace(name=method if methods.count(method) == 1 else f"{method}:{_folder(group)}")
        if not group.name
        else group
        for group, method in zip(groups, methods, strict=True)
    ]


def _method(group: EntrantGroup) -> str:
    return method_name(group.entries[0].experiment)


def _folder(group: EntrantGroup) -> str:
    """The pack that the first run is in, else the run, or the file without what its name ends in."""
    own = group.entries[0].run.path
    path = (place_of(own) if named_as_one(own) else own).resolve()
    if named_as_one(path):
        return path.stem
    return path.parent.name if path.name.startswith("seed-") else path.name


def _check_strategy(group: EntrantGroup, experiment: SequenceExperiment) -> None:
    game = experiment.environment.name
    if group.config.strategy and not words_of(game).memory_one:
        raise UserError(
            f"entrant {group.name!r}: it is a memory-one strategy, which plays two-action matrix games only; this "
            f"league plays {game!r}"
        )
