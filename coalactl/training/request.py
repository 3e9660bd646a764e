"""What the user asked ``coalactl train`` for; free of JAX and pydantic, so that slips are told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from coalactl.errors import UserError
from coalactl.paths import nameable, usable
from coalactl.processes import ProcessGroup
from coalactl.runs.agent_file import SUFFIX, named_as_one, place_of

# Of every configuration key that has an option of its own: the option.
OPTION_KEYS = {
    "--method": "meta.method",
    "--seed": "run.seed",
    "--iterations": "run.iterations",
    "--devices": "compute.devices",
}


class TrainRequest(NamedTuple):
    """The command line of ``train``; ``overrides`` holds value and option by configuration key."""

    preset: str | None
    overrides: dict[str, tuple[Any, str]]
    seeds: int | None
    out: Path | None
    resume: Path | None
    init_from: Path | None
    group: ProcessGroup | None
    dry_run: bool
    json: bool
    quiet: bool
    track: tuple[str, ...] | None = None
    """The trackers; None where they are those that the run has kept."""


def with_seeds_in_run(request: TrainRequest) -> TrainRequest:
    """The request to a kind of experiment whose run holds all its seeds: ``--seeds`` makes no pack there."""
    if request.seeds is None:
        return request
    return request._replace(seeds=None, overrides={**request.overrides, "run.seeds": (request.seeds, "--seeds")})


def checked(request: TrainRequest) -> TrainRequest:
    """The request, if its options fit each other and its paths can be what they should be."""
    usable(request.out)
    if request.group is not None and request.dry_run:
        raise UserError("--dry-run: it does not go with --coordinator; it trains nothing")
    if request.resume is not None:
        for option, path in (("--out", request.out), ("--init-from", request.init_from)):
            if path is not None:
                raise UserError(f"{option}: it does not go with --resume, which continues a run as it is")
        if request.dry_run:
            raise UserError("--dry-run: it does not go with --resume; the run's own config.toml says what it does")
        _check_run(request.resume, "--resume")
        nameable(request.resume)
    if (start := request.init_from) is not None and not (named_as_one(start) and place_of(start).is_file()):
        _check_run(start, "--init-from", f", or an agent file, whose name ends in {SUFFIX}")
    if request.out is not None and request.out.exists() and not request.out.is_dir():
        raise UserError(f"--out {request.out}: it is a file; give a directory that does not exist yet")
    return request


def _check_run(path: Path, option: str, also: str = "") -> None:
    for entry in (path, path / "config.toml"):
        usable(entry)
    if not path.exists():
        raise UserError(f"{option} {path}: no such directory; 'coalactl runs ls' lists the runs here")
    if not path.is_dir():
        raise UserError(f"{option} {path}: not a directory; a run is a directory with a config.toml{also}")
    if not (path / "config.toml").exists() and not (path / "pack.json").exists():
        raise UserError(f"{option} {path}: not a run: there is no config.toml in it")
