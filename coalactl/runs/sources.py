"""Where trained agents come from: a run directory, or an agent file that was made of one. No JAX here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from coalactl import zoo
from coalactl.errors import UserError
from coalactl.runs import agent_file
from coalactl.runs.agent_file import SUFFIX, AgentFile
from coalactl.runs.directory import RunDirectory, is_pack
from coalactl.runs.manifests import steps
from coalactl.runs.pack import Pack

Source: TypeAlias = RunDirectory | AgentFile
"""Both have a ``path``, a ``config_file`` as messages call it, and ``read_config()``."""


def source_at(path: Path) -> Source:
    """The run, or the agent file, at a path, or that of the zoo; raises :class:`UserError` unless it can be read."""
    if agent_file.named_as_one(path) and not path.is_dir():
        return agent_file.read(path)
    if path.is_file():
        raise UserError(f"{path} is not a run directory but a file, and no agent file, whose name ends in {SUFFIX}")
    return RunDirectory.open(path)


def sources_at(path: Path) -> tuple[Source, ...]:
    """What is at a path; of a pack all its runs. Raises :class:`UserError` as :func:`source_at` does."""
    return tuple(Pack.open(path).runs) if is_pack(path) else (source_at(path),)


def of_seed(path: Path, seed: int) -> Path:
    """Where the agents of a training seed are: in a pack the run of that seed, else what is at the path."""
    return path / f"seed-{seed}" if is_pack(path) else path


def steps_of(source: Source) -> list[int]:
    """The steps at which there are agents, in order."""
    return [source.contents.step] if isinstance(source, AgentFile) else steps(source)


def results_folder(source: Source, what: str) -> Path:
    """Where is written what comes of playing with it: ``RUN/eval``, or beside a file ``my-eval`` for ``my.agent``.

    Of the zoo it is in the current folder: ``ipd-shaper-eval`` for ``zoo:ipd/shaper``.
    """
    if not isinstance(source, AgentFile):
        return source.path / what
    folder = Path() if zoo.is_named(source.path) else source.path.parent
    return folder / f"{short_name(source.path)}-{what}"


def short_name(path: Path) -> str:
    """What files are called that are made of a source: as its folder or file is; ``two-seed-0`` of a pack's run."""
    if zoo.is_named(path):
        return str(path).removeprefix(zoo.PREFIX).replace("/", "-")
    if agent_file.named_as_one(path):
        return path.stem
    resolved = path.resolve()
    return f"{resolved.parent.name}-{resolved.name}" if resolved.name.startswith("seed-") else resolved.name


def digests_of(paths: Iterable[Path | str | None]) -> dict[str, dict[str, str]]:
    """For provenance, ``agent_files``: the SHA-256 of each agent file among the paths, by name; empty without any."""
    files = [Path(path) for path in paths if path is not None and agent_file.named_as_one(Path(path))]
    read = [agent_file.read(path) for path in files if agent_file.place_of(path).is_file()]
    digests = {name_of(file.path): file.sha256 for file in read}
    return {"agent_files": digests} if digests else {}


def name_of(path: Path) -> str:
    """What provenance calls a run or a file: without the folders before it, of the zoo as it is."""
    return str(path) if zoo.is_named(path) else path.name
