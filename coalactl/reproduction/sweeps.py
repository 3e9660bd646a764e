"""The parts of figures as sweeps: what is planned, and its folder, begun or taken up again."""

from __future__ import annotations

import os
from pathlib import Path

from coalactl.errors import ExitCode, UserError
from coalactl.papers.trains import TrainingPart
from coalactl.presets import find_preset, read_preset
from coalactl.runs.directory import is_sweep
from coalactl.sweep.definition import SelectionConfig, Sweep, checked, find_sweep, read_sweep
from coalactl.sweep.folder import SweepFolder
from coalactl.sweep.plan import plan


def sweep_of(part: TrainingPart, out: Path) -> Sweep:
    """The sweep that trains a part in a folder; one preset without a choice has no final runs beside its trials."""
    if part.sweep:
        return read_sweep(find_sweep(part.sweep), {})
    return checked(
        Sweep(
            name=part.name,
            preset=part.preset,
            tables=read_preset(find_preset(part.preset)),
            axes={"meta.method": part.methods} if part.methods else {},
            settings={**part.settings, **_agents_from(part, out)},
            selection=SelectionConfig(metric="reward_in_pool", seeds=part.seeds),
        )
    )


def _agents_from(part: TrainingPart, out: Path) -> dict[str, str]:
    """Where the runs are, or will be, that a part's agents come from, seen from here."""
    return {f"population.{key}": _runs_of(source, out) for key, source in part.sources.items()}


def _runs_of(source: TrainingPart, out: Path) -> str:
    """Its one run, which serves all seeds, or the pack of its seeds, of which each takes its own."""
    (trial,) = plan(sweep_of(source, out))
    pack = SweepFolder(out / source.name).job(trial).path
    runs = pack if len(trial.seeds) > 1 else pack / f"seed-{trial.seeds[0]}"
    return Path(os.path.relpath(runs)).as_posix()


def folder_of(part: TrainingPart, out: Path) -> SweepFolder:
    """The part's folder, made where there is none.

    Raises :class:`UserError` where the folder holds another sweep: of another version, or of the user's own.
    """
    path, wanted = out / part.name, sweep_of(part, out)
    if not is_sweep(path):
        return SweepFolder.create(path, wanted)
    folder = SweepFolder.open(path)
    if not _trains_the_same(folder, wanted):
        raise UserError(
            f"{path} holds runs with other values than {part.name} has now; choose another --out, or move it away",
            ExitCode.RUN_CONFLICT,
        )
    folder.forget_failures()
    return folder


def _trains_the_same(folder: SweepFolder, wanted: Sweep) -> bool:
    """Whether a folder's sweep comes to the wanted runs, and holds no others.

    Presets may differ in values that none of the runs uses, of another method. The same file may come to other runs in
    another version, which has more keys.
    """
    there = folder.read_sweep()
    if there._replace(tables=wanted.tables) != wanted:
        return False
    try:
        planned = plan(there)
    except UserError:
        return False  # Values that this version does not know.
    trained = {path.name for path in folder.trials_dir.glob("*")}
    return planned == plan(wanted) and trained <= {trial.id for trial in planned}
