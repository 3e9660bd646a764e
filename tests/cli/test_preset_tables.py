"""Presets hold the paper's tables, and every value its source."""

from __future__ import annotations

import math
import re

import pytest
from resolving import resolved

from coalactl.configuration import plain
from coalactl.presets import shipped_presets
from coalactl.tables import flatten

# Tables 2, 4 and 8 of the paper, and what the setting changes.
PAPER_VALUES = {
    "run.iterations": 3000,
    "rollout.meta_batch_size": 128,
    "rollout.batch_size": 16,
    "rollout.inner_episodes": 20,
    "rollout.inner_episode_length": 10,
    "population.naive": 10,
    "population.dynamic_naive": False,
    "meta.algorithm": "ppo",
    "meta.minibatches": 2,
    "meta.epochs": 4,
    "meta.clip": 0.2,
    "meta.discount": 1.0,
    "meta.value_coefficient": 0.5,
    "meta.entropy": 0.0,
    "meta.normalize_advantages": False,
    "meta.reward_scale": 0.05,
    "meta.td_lambda": 1.0,
    "meta.gae_lambda": 1.0,
    "meta.optimizer": "adam",
    "meta.adam_epsilon": 1e-5,
    "meta.learning_rate": 3e-4,
    "meta.max_grad_norm": 1.0,
    "naive.algorithm": "a2c",
    "naive.normalize_advantages": True,
    "naive.reward_scale": 0.05,
    "naive.discount": 0.99,
    "naive.td_lambda": 1.0,
    "naive.gae_lambda": 1.0,
    "naive.value_coefficient": 0.5,
    "naive.entropy": 0.0,
    "naive.optimizer": "adam",
    "naive.adam_epsilon": 1e-5,
    "naive.learning_rate": 0.005,
    "naive.max_grad_norm": 1.0,
}
SETTINGS = {
    "ipd-shaping": {"population.meta": 1, "population.p_naive": 1.0},
    "ipd-mixed": {"population.meta": 4, "population.p_naive": 0.75},
    "ipd-meta-only": {"population.meta": 4, "population.p_naive": 0.0},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_paper_presets_hold_the_tables(name: str) -> None:
    values = resolved(name).values
    assert {key: values[key] for key in PAPER_VALUES} == PAPER_VALUES
    assert {key: values[key] for key in SETTINGS[name]} == SETTINGS[name]


# Tables 5, 7 and 8 of the paper.
CLEANUP = {
    "cleanup-shaping": {
        "population": {"meta": 1, "naive": 10, "p_naive": 1.0, "dynamic_naive": False},
        "rollout": {"meta_batch_size": 512, "batch_size": 32, "inner_episodes": 100, "inner_episode_length": 64},
        "meta": {"algorithm": "ppo", "epochs": 4, "minibatches": 2, "clip": 0.2, "optimizer": "adam"},
        "naive": {"discount": 0.99, "reward_scale": 0.1, "optimizer": "adam", "learning_rate": 0.005},
        "run": {"iterations": 3000},
    },
    "cleanup-mixed": {
        "population": {"meta": 3, "naive": 3, "p_naive": 0.75, "dynamic_naive": True},
        "rollout": {"meta_batch_size": 512, "batch_size": 64, "inner_episodes": 5, "inner_episode_length": 64},
        "meta": {"algorithm": "a2c", "optimizer": "sgd"},
        "naive": {"discount": 1.0, "reward_scale": 0.1, "optimizer": "sgd", "learning_rate": 1.0},
        "run": {"iterations": 30_000},
    },
}
# Table 7: reward rescaling and learning rate of each method.
BY_METHOD = {
    "cleanup-shaping": {
        "coala-pg": (0.1, 1e-3),
        "m-fos": (1.0, 3e-3),
        "batch-unaware": (1.0, 1e-3),
        "lola-dice": (1.0, 0.1),
    },
    "cleanup-mixed": {
        "coala-pg": (0.1, 0.1),
        "m-fos": (0.1, 0.03),
        "batch-unaware": (0.1, 0.03),
        "lola-dice": (0.1, 0.03),
    },
}


@pytest.mark.parametrize("method", BY_METHOD["cleanup-shaping"])
@pytest.mark.parametrize("name", CLEANUP)
def test_cleanup_presets_hold_the_tables(name: str, method: str) -> None:
    values = resolved(name, f"meta.method={method}").values
    common = {"gae_lambda": 1.0, "td_lambda": 1.0, "entropy": 0.0, "value_coefficient": 0.5}
    common |= {"normalize_advantages": True, "max_grad_norm": 1.0}
    expected = {f"{who}.{key}": value for who in ("meta", "naive") for key, value in common.items()}
    expected |= {"meta.discount": 1.0, "environment.name": "cleanup-lite"} | flatten(CLEANUP[name])
    if method == "lola-dice":
        # Table 7; look-ahead steps are no PPO.
        expected |= {"meta.algorithm": "a2c", "meta.optimizer": "sgd"}
        expected["meta.max_grad_norm"] = {"cleanup-shaping": math.inf, "cleanup-mixed": 1.0}[name]
    assert {key: values[key] for key in expected} == expected
    assert (values["meta.reward_scale"], values["meta.learning_rate"]) == BY_METHOD[name][method]


@pytest.mark.parametrize("preset", shipped_presets(), ids=lambda preset: preset.name)
def test_every_value_of_a_preset_has_its_source_beside_it(preset) -> None:
    lines = preset.path.read_text().splitlines()
    assert lines[0].startswith("# ")
    assert preset.description
    values = [line for line in lines if " = " in line.partition("#")[0] and not line.startswith("kind = ")]
    assert len(values) >= 30
    paper = r"Tables? \d|section \d|App\. [A-E]|Fig\. \d|Eq\. \d|arXiv:\d{4}\.\d{5}"
    source = rf"# ({paper}|our (choice|addition)|OPEN|Optax's default|unused by)"
    for line in values:
        assert re.search(source, line), line


def test_the_quick_presets() -> None:
    shaping, mixed = resolved("ipd-shaping-quick").experiment, resolved("ipd-mixed-quick").experiment
    assert (shaping.rollout.meta_batch_size, shaping.meta.batch_critic, shaping.run.iterations) == (16, "play", 120)
    assert shaping.run.checkpoint_every == 20
    assert (mixed.population.meta, mixed.population.p_naive, mixed.population.stratified) == (4, 0.75, True)
    assert (mixed.rollout.meta_batch_size, mixed.rollout.inner_episodes, mixed.run.iterations) == (8, 20, 300)
    assert (mixed.naive.learning_rate, mixed.meta.batch_critic) == (0.01, "play")
    assert plain(mixed)["meta"]["meta_opponent_weight"] == {"0": 1.0, "30": 4.0}


@pytest.mark.parametrize("preset", ["ipd-shaping-quick", "ipd-mixed-quick"])
@pytest.mark.parametrize("method", ["m-fos", "batch-unaware", "lola-dice"])
def test_other_methods_are_as_printed(preset: str, method: str) -> None:
    found = resolved(preset, f"meta.method={method}").experiment
    assert (found.meta.batch_critic, found.meta.gae_lambda) == ("none", 1.0)


@pytest.mark.parametrize("scale", ["", "-quick"])
def test_the_pool_of_both_methods_is_the_mixed_pool_but_for_its_agents(scale: str) -> None:
    """The quick pools learn with values of their own: the mixed pool's were chosen for COALA-PG alone."""
    pool = resolved(f"ipd-coala-vs-mfos{scale}")
    assert [(config.method, config.credit) for config in pool.experiment.agent_configs()] == [
        ("coala-pg", "td-errors"),
        ("m-fos", "td-errors"),
    ]
    mixed = resolved(f"ipd-mixed{scale}").values
    differing = {key for key in mixed if mixed[key] != pool.values[key]}
    if scale:
        differing = {key for key in differing if not key.startswith("meta.") and key != "run.iterations"}
    assert differing == {"population.meta"}
