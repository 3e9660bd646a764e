"""The sentence at the end of a training: right for what was measured, silent about what was not."""

from __future__ import annotations

from typing import Any

import pytest

from coalactl.configuration import plain, resolve
from coalactl.presets import find_preset, read_preset
from coalactl.summary import Means
from coalactl.training.sentence import in_a_sentence


def config(preset: str, **overrides: Any) -> dict[str, Any]:
    file = find_preset(preset)
    given = {key.replace("__", "."): (value, key) for key, value in overrides.items()}
    return plain(resolve(read_preset(file), file.label, given).experiment)


def means(naive: float | None = None, theirs: float | None = None, meta: float | None = None) -> Means:
    values = {"reward_vs_naive": naive, "coplayer_reward_vs_naive": theirs, "reward_vs_meta": meta}
    return Means({}, {key: value for key, value in values.items() if value is not None})


@pytest.mark.parametrize(
    ("own", "theirs", "ahead", "beside", "verdict"),
    [
        (0.87, 0.59, "0.28 more", "0.54 more", "it shapes them"),
        (0.33, -0.16, "0.49 more", "0.00 more", "it does not shape them"),
        (0.90, 0.95, "0.05 less", "0.57 more", "it does not shape them"),
    ],
)
def test_shaping(own: float, theirs: float, ahead: str, beside: str, verdict: str) -> None:
    told = in_a_sentence(config("ipd-shaping-quick"), [means(own, theirs)])
    earned = f"it earns {ahead} a step than its naive learners and {beside} than always defecting would"
    assert told == f"{earned}: {verdict}"


def test_what_was_not_measured_is_not_told() -> None:
    """How much always defecting earns is known for the presets' learners alone."""
    other = config("ipd-shaping-quick", naive__learning_rate=0.02)
    assert in_a_sentence(other, [means(0.87, 0.59)]) == "it earns 0.28 more a step than its naive learners"
    shorter = config("ipd-shaping-quick", rollout__inner_episodes=5)
    assert "defecting" not in in_a_sentence(shorter, [means(0.87, 0.59)])
    assert in_a_sentence(other, [means()]) == ""


@pytest.mark.parametrize(
    ("rewards", "words"),
    [
        ([0.9], "they cooperate"),
        ([0.05], "they defect"),
        ([0.3], "they do not cooperate"),
        ([0.9, 0.3, 0.6], "they cooperate on 2 of 3 seeds"),
    ],
)
def test_mixed_pools(rewards: list[float], words: str) -> None:
    told = in_a_sentence(config("ipd-mixed-quick"), [means(1.0, 0.0, reward) for reward in rewards])
    assert told.endswith(f"of the 1 that mutual cooperation gives: {words}")
    assert "it shapes them" in told


def test_other_games_are_not_the_dilemma() -> None:
    told = in_a_sentence(config("cleanup-mixed-quick"), [means(0.2, 0.1, 0.1)])
    assert told == "it earns 0.10 more a step than its naive learners"
    harmless = config("ipd-mixed-quick", environment__payoffs=[[2.0, 0.0], [3.0, 1.0]])
    assert "cooperat" not in in_a_sentence(harmless, [means(1.0, 0.0, 0.9)])
    unequal = config("ipd-shaping-quick", environment__payoffs_second=[[2.0, 0.0], [3.0, 1.0]])
    assert "shape" not in in_a_sentence(unequal, [means(0.87, 0.59)])
