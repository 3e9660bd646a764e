"""``coalactl agents export``: from an agent to programs that JAX calls without this package, in one archive."""

from __future__ import annotations

import json
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from coalactl.agent_files.targets import check_new
from coalactl.environment import prepare_jax
from coalactl.errors import UserError
from coalactl.output import emit, emit_json
from coalactl.runs.agent_file import AgentFile
from coalactl.runs.directory import make_folder
from coalactl.runs.files import reason, replacing, write_failures
from coalactl.runs.sources import Source, name_of, short_name, source_at
from coalactl.trained import load
from coalactl.working import working
from coalactl_core.play.agents import Agent

_SUFFIX = ".zip"


def export(path: Path, number: int, out: Path | None, batch: int | None, *, json: bool) -> None:
    """Writes an archive of an agent's programs; raises :class:`UserError`, before anything is written."""
    if find_spec("flatbuffers") is None:
        raise UserError('agents export: flatbuffers is not installed; pip install "coalactl[export]"')
    source = source_at(path)
    target = Path(f"{short_name(path)}-{number}{_SUFFIX}") if out is None else out
    check_new(target, _SUFFIX, "the archive")
    with working("loading the agent") as tell:
        prepare_jax()
        agent = load(source, number)
        tell("exporting")
        programs = _programs(path, agent, batch)
        make_folder(target.parent)
        with write_failures(target), replacing(target) as temporary:
            _write(temporary, programs, _about(source, agent, batch))
    if json:
        emit_json({"file": str(target), "agent": number, "step": agent.step, "bytes": target.stat().st_size})
    else:
        emit(str(target))


def _programs(path: Path, agent: Agent, batch: int | None) -> dict[str, bytes]:
    from jax.errors import InconclusiveDimensionOperation

    from coalactl_core.play.exporting import exported

    try:
        return exported(agent, batch)
    except (InconclusiveDimensionOperation, NotImplementedError) as error:  # JAX: no symbolic batch, or no lowering.
        remedy = "; try --batch N" if batch is None else ""
        raise UserError(f"{path}: its network cannot be exported: {reason(error)}{remedy}") from error


def _about(source: Source, agent: Agent, batch: int | None) -> dict[str, Any]:
    """What the programs take and give, in words and numbers."""
    import jax

    from coalactl_core.play.exporting import PLATFORMS, memory_of

    game, vocabulary = agent.game, agent.game.vocabulary
    features = game.environment.observation_size
    digest = {"sha256": source.sha256} if isinstance(source, AgentFile) else {}
    return {
        "format": "jax.export",
        "jax": jax.__version__,
        "platforms": [*PLATFORMS],
        "source": name_of(source.path),
        **digest,
        "agent": agent.number,
        "step": agent.step,
        "batch": batch,
        "game": game.name,
        "actions": [*game.actions],
        "observation": ["int32", []] if vocabulary is not None else ["float32", [features]],
        "vocabulary": None if vocabulary is None else [[float(each) for each in row] for row in vocabulary],
        "memory": {name: [str(leaf.dtype), [*leaf.shape]] for name, leaf in memory_of(agent).items()},
    }


def _write(path: Path, programs: dict[str, bytes], about: dict[str, Any]) -> None:
    contents = {"about.json": json.dumps(about, indent=2).encode(), **programs}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
