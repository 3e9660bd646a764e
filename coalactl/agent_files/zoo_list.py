"""``coalactl agents ls``: the zoo, read from its files alone. No JAX here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from coalactl import zoo
from coalactl.agent_files.card import rewards_in
from coalactl.agents import full_label, meta_agents, method_of
from coalactl.output import emit_json
from coalactl.runs.agent_file import place_of, read
from coalactl.terminal import OurConsole
from coalactl.words import size
from coalactl_core.measures import rewards_vs

_OPPONENTS = ("naive", "meta")
_TITLE = "reward a step, its own / its co-player's, means over agents"
_NUMBERS = ("agents", "iterations", "size", "against naive", "among themselves")


def list_zoo(*, json: bool) -> None:
    """Prints the agents that come with the package; raises :class:`UserError` where a file of them is damaged."""
    rows = [_row(entry) for entry in zoo.table() if entry.name in zoo.names()]
    if json:
        emit_json(rows)
    else:
        OurConsole(highlight=False).table(_table(rows))


def _row(entry: zoo.Entry) -> dict[str, Any]:
    path = Path(f"{zoo.PREFIX}{entry.name}")
    file, place = read(path), place_of(path)
    config = file.read_config()
    return {
        "name": str(path),
        "game": config.get("environment", {}).get("name", "matrix-game"),
        "method": method_of(config),
        "summary": entry.summary,
        "preset": entry.preset,
        "agents": meta_agents(config),
        "iterations": file.contents.step,
        "bytes": place.stat().st_size,
        "sha256": file.sha256,
        "rewards": _rewards(file.contents.measures),
    }


def _rewards(measures: Mapping[str, Any]) -> dict[str, list[float] | None]:
    """Own and the co-player's, by opponent, of the first evaluation that has it, else of the training's end."""
    means = measures.get("training", {})
    told: dict[str, list[float] | None] = {}
    for kind in _OPPONENTS:
        evaluated = [rewards_in(each) for each in measures.get("evaluations", {}).values()]
        trained = [means[column] for column in rewards_vs(kind) if column in means]
        first = next((each[kind] for each in evaluated if kind in each), trained)
        told[kind] = [*first] if len(first) == len(rewards_vs(kind)) else None
    return told


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title=_TITLE, title_justify="left", title_style="italic")
    table.add_column("name", no_wrap=True)
    for heading in ("game", "method", "what"):
        table.add_column(heading, overflow="fold")
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        rewards = [_pair(row["rewards"][kind]) for kind in _OPPONENTS]
        counts = [str(row["agents"]), str(row["iterations"]), size(row["bytes"])]
        table.add_row(row["name"], row["game"], full_label(row["method"]), row["summary"], *counts, *rewards)
    return table


def _pair(rewards: list[float] | None) -> str:
    return "-" if rewards is None else " / ".join(f"{each:.2f}" for each in rewards)
