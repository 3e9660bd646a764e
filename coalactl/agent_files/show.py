"""``coalactl agents show``: what is in an agent file, once it was compared with its digest. No JAX here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coalactl.output import emit, emit_json
from coalactl.paths import escaped
from coalactl.runs.agent_file import AGENTS, FORMAT, NAIVE, AgentFile, place_of, read
from coalactl.words import size


def show(path: Path, *, json: bool) -> None:
    """Prints the card and what the file is; raises :class:`UserError` where it is damaged, or no agent file."""
    file = read(path)
    if json:
        emit_json(_object(file))
        return
    for line in file.contents.card.splitlines():
        emit(escaped(line))
    counts = _counts(file)
    drawn = ", which the seed draws" if file.contents.drawn else ""
    agents = f"{_several(counts[AGENTS], 'agent')} of {counts['parameters']} numbers"
    naive = f"{_several(counts[NAIVE], 'naive initialisation')}{drawn}"
    emit(f"file      {escaped(str(path))}: {agents}, {size(place_of(path).stat().st_size)}; {naive}")
    emit(f"sha256    {file.sha256}, checked")


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'s'[: count != 1]}"


def _counts(file: AgentFile) -> dict[str, int]:
    contents = file.contents
    parameters = sum(array[0].size for array in contents.group(AGENTS).values())
    return {**{group: contents.count(group) for group in (AGENTS, NAIVE)}, "parameters": parameters}


def _object(file: AgentFile) -> dict[str, Any]:
    contents = file.contents
    return {
        "file": str(file.path),
        "sha256": file.sha256,
        "format": FORMAT,
        "coalactl": contents.version,
        "step": contents.step,
        **_counts(file),
        "naive_drawn": bool(contents.drawn),
        "tensors": {name: list(array.shape) for name, array in contents.tensors.items()},
        "card": contents.card,
        "config": file.read_config(),
        "provenance": contents.provenance,
        "measures": contents.measures,
    }
