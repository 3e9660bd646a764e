"""Run directories written in a moment, with the numbers that a test wants, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from coalactl.papers.table import results
from coalactl.presets import find_preset, read_preset
from coalactl.report import all_figures, building
from coalactl.report.building import Report
from coalactl.report.configurations import as_run
from coalactl.report.figures import Figure
from coalactl.runs.directory import RunDirectory, Status
from coalactl.runs.files import write_json
from coalactl.runs.metric_files import MetricFiles
from coalactl.tables import flatten

ITERATIONS = 20
INNER_EPISODES = 3
SHARE = ITERATIONS // 10
"""How many iterations are the last tenth."""


def build(paths: Sequence[Path], labels: Mapping[str, Path] = MappingProxyType({})) -> Report:
    """A report on runs, and on all papers."""
    return building.build(paths, results(), labels)


def figures_of(report: Report) -> list[Figure]:
    """The papers' figures in it."""
    return list(all_figures.figures_of(results(), report.judgements))


def sequence_pack(
    path: Path,
    method: str,
    values: Mapping[int, Mapping[str, float]],
    preset: str = "ipd-shaping-quick",
    named: str = "",
    **settings: Any,
) -> Path:
    """A pack whose seeds come to these final measures; before the last tenth they are 9, which must not count.

    A file of one's own, ``named``, may stand for the preset.
    Without a critic of the batch, as printed, whatever the preset has; a setting may name one.
    """
    path.mkdir(parents=True)
    for seed, final in values.items():
        own = {"meta.method": method, "meta.batch_critic": "none", "meta.episode_lambda": 1.0, "run.seed": seed}
        config = _config(preset, {**own, "run.iterations": ITERATIONS, **settings})
        rows = [
            {
                "iteration": iteration,
                "agent": agent,
                "steps": 100 * (iteration + 1),
                "seconds": 1.0,
                **_row(final, iteration, agent),
            }
            for iteration in range(ITERATIONS)
            for agent in range(2)
        ]
        _write(path / f"seed-{seed}", config, named or preset, rows, _episodes(final))
    write_json(path / "pack.json", {"seeds": list(values)})
    return path


def analytical_run(path: Path, values: Sequence[Mapping[str, float]], preset: str, **settings: Any) -> Path:
    """A run whose seeds, from 0 on, come to these final measures; at iteration 0 all are 0."""
    config = _config("analytical", {"run.seed": 0, "run.seeds": len(values), "run.iterations": ITERATIONS, **settings})
    rows = [
        {"iteration": iteration, "seed": seed, "agent": agent, "seconds": 1.0}
        | {name: value if iteration else 0.0 for name, value in final.items()}
        for iteration in range(ITERATIONS)
        for seed, final in enumerate(values)
        for agent in range(2)
    ]
    episodes = [
        {
            "iteration": iteration,
            "seed": seed,
            "agent": 0,
            "opponent": "naive",
            "inner_episode": place,
            "metric": metric,
        }
        | {"value": 0.1 * place + (iteration > 0)}
        for iteration in (0, ITERATIONS - 1)
        for seed in range(len(values))
        for place in range(INNER_EPISODES)
        for metric in ("reward", "coplayer_reward")
    ]
    _write(path, config, preset, rows, episodes)
    return path


def _row(final: Mapping[str, float], iteration: int, agent: int) -> dict[str, float]:
    """Agents lie 0.2 apart around the seed's value."""
    late = iteration >= ITERATIONS - SHARE
    return {name: value + 0.2 * (agent - 0.5) if late else 9.0 for name, value in final.items()}


def _episodes(final: Mapping[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "iteration": iteration,
            "agent": 0,
            "opponent": "naive",
            "inner_episode": place,
            "metric": metric,
            "value": value,
        }
        for iteration in range(ITERATIONS)
        for place in range(INNER_EPISODES)
        for metric in ("defection", "coplayer_defection", "reward")
        for value in [0.1 * place if iteration >= ITERATIONS - SHARE else 9.0]
    ]


_ANALYTICAL = {
    "kind": "analytical",
    "environment": {"name": "matrix-game", "payoffs": [[1.0, -1.0], [2.0, 0.0]], "discount": 0.999},
    "population": {"meta": 2, "p_naive": 1.0, "fixed": []},
    "meta": {"method": "shaping", "initial": "random", "learning_rate": 0.02},
    "naive": {"steps": INNER_EPISODES - 1, "learning_rate": 5.0},
    "lola": {"look_aheads": 1},
    "run": {"log_every": 1, "checkpoint_every": 10, "keep": 2},
}


def _config(preset: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    tree = _ANALYTICAL if preset == "analytical" else as_run(read_preset(find_preset(preset)), settings["meta.method"])
    flat = {**flatten(tree), **settings}
    config: dict[str, Any] = {}
    for key, value in flat.items():
        section, dot, name = key.partition(".")
        if dot:
            config.setdefault(section, {})[name] = value
        else:
            config[section] = value
    return config


def _write(
    path: Path,
    config: Mapping[str, Any],
    preset: str,
    rows: Sequence[Mapping[str, Any]],
    episodes: Sequence[Mapping[str, Any]],
) -> None:
    provenance = {
        "preset": preset,
        "started": "2026-01-01T00:00:00+00:00",
        "command": ["coalactl", "train", preset],
        "packages": {"coalactl": "0.1.0", "jax": "0.10.2"},
        "devices": ["cpu:0"],
        "attempts": [],
    }
    run = RunDirectory.create(path, config, provenance)
    files = MetricFiles(run)
    files.append(pd.DataFrame(rows), pd.DataFrame(episodes))
    files.flush()
    method, seed = config["meta"]["method"], config["run"]["seed"]
    run.write_status(Status("finished", ITERATIONS, ITERATIONS, 2.0, preset=preset, method=method, seed=seed))


def write_evaluation(run: Path, base: float) -> None:
    """An evaluation against naive learners, and a row of another kind, which must not count."""
    cell = {"opponent_kind": "naive", "metric": "defection", "episodes": 4}
    rows = [
        {
            **cell,
            "agent": agent,
            "opponent": opponent,
            "inner_episode": place,
            "value": base + 0.1 * place + 0.02 * agent,
        }
        for agent in range(2)
        for opponent in ("naive 0", "naive 1")
        for place in range(INNER_EPISODES)
    ]
    rows.append({**rows[0], "inner_episode": -1, "value": 9.0})
    rows.append({**rows[0], "opponent_kind": "meta", "value": 9.0})
    (run / "eval").mkdir()
    pd.DataFrame(rows).to_parquet(run / "eval/naive.parquet")


def small_runs(folder: Path) -> Path:
    """Three seeds of two methods in the shaping setting, and an analytical run with eight."""
    for method, base in (("coala-pg", 0.8), ("m-fos", 0.3)):
        values = {seed: {"reward_vs_naive": base + 0.1 * seed, "coplayer_reward_vs_naive": -0.1} for seed in range(3)}
        sequence_pack(folder / method, method, values)
    finals = [{"reward_vs_naive": 1.0 + 0.01 * seed, "coplayer_reward_vs_naive": 0.3} for seed in range(8)]
    analytical_run(folder / "exact", finals, "analytical-extortion")
    return folder
