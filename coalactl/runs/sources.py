"""Where trained agents come from: a run directory, or an agent file that was made of one. No JAX here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from coalactl.errors import UserError
from coalactl.runs import agent_file
from coalactl.runs.agent_file import SUFFIX, AgentFile
from coalactl.runs.directory import RunDirectory, is_pack
from coalactl.runs.manifests import steps
from coalactl.runs.pack import Pack

Source: TypeAlias = RunDirectory | AgentFile
"""Both have a ``path``, a ``config_file`` as messages call it, and ``read_config()``."""


def source_at(path: Path) -> Source:
    """The run, or the agent file, at a path; raises :class:`UserError` unless there is one that can be read."""
    if agent_file.named_as_one(path) and not path.is_dir():
        return agent_file.read(path)
    if path.is_file():
        raise UserError(f"{path} is not a run directory but a file, and no agent file, whose name ends in {SUFFIX}")
    return RunDirectory.open(path)


def sources_at(path: Path) -> tuple[Source, ...]:
    """What is at a path; of a pack all its runs. Raises :class:`UserError` as :func:`source_at` does."""
    return tuple(Pack.open(path).runs) if is_pack(path) else (source_at(path),)


def steps_of(source: Source) -> list[int]:
    """The steps at which there are agents, in order."""
    return [source.contents.step] if isinstance(source, AgentFile) else steps(source)


def results_folder(source: Source, what: str) -> Path:
    """Where is written what comes of playing with it: ``RUN/eval``, or beside a file ``my-eval`` for ``my.agent``."""
    if isinstance(source, AgentFile):
        return source.path.with_name(f"{source.path.stem}-{what}")
    return source.path / what


def digests_of(paths: Iterable[Path | str | None]) -> dict[str, dict[str, str]]:
    """For provenance, ``agent_files``: the SHA-256 of each agent file among the paths, by name; empty without any."""
    files = [Path(path) for path in paths if path is not None and agent_file.named_as_one(Path(path))]
    digests = {path.name: agent_file.read(path).sha256 for path in files if path.is_file()}
    return {"agent_files": digests} if digests else {}
