"""What is reported of an iteration: means by kind of opponent and by inner episode, NaN where nobody was met."""

import jax.numpy as jnp
import numpy as np

from coalactl_core.opponents.population import opponents_of
from coalactl_core.training.metrics import summarize
from coalactl_core.types import FIXED, META, NAIVE

RNG = np.random.default_rng(0)
# Two agents, four opponents each, three inner episodes, two players.
OUTCOMES = {name: RNG.normal(size=(2, 4, 3, 2)) for name in ("reward", "defection")}
KINDS = np.array([[NAIVE, META, NAIVE, META], [NAIVE, NAIVE, NAIVE, NAIVE]])
NUMBERS = np.array([[7, 1, 8, 1], [0, 0, 0, 0]])


def metrics(kinds: tuple[int, ...] = (NAIVE, META, FIXED)):
    empty = jnp.zeros(0)
    outcomes = {name: jnp.asarray(values) for name, values in OUTCOMES.items()}
    opponents = opponents_of(jnp.asarray(KINDS), jnp.asarray(NUMBERS), empty)
    losses = {"policy_loss": jnp.zeros(2)}
    return summarize(jnp.int32(5), outcomes, opponents, losses, kinds)


def test_means_are_over_the_opponents_of_each_kind() -> None:
    given = metrics()
    reward = OUTCOMES["reward"]
    np.testing.assert_allclose(given.scalars["reward_vs_naive"][0], reward[0, [0, 2], :, 0].mean(), rtol=1e-6)
    np.testing.assert_allclose(given.scalars["coplayer_reward_vs_meta"][0], reward[0, [1, 3], :, 1].mean(), rtol=1e-6)
    np.testing.assert_allclose(
        given.episodes["coplayer_defection"][0, 1], OUTCOMES["defection"][0, [1, 3], :, 1].mean(0), rtol=1e-6
    )


def test_the_first_and_last_inner_episodes_are_named() -> None:
    given = metrics()
    defection = OUTCOMES["defection"][1, :, :, 0].mean(0)
    np.testing.assert_allclose(given.scalars["defection_first_vs_naive"][1], defection[0], rtol=1e-6)
    np.testing.assert_allclose(given.scalars["defection_last_vs_naive"][1], defection[-1], rtol=1e-6)


def test_kinds_that_were_not_met_are_nan() -> None:
    given = metrics()
    assert np.isnan(given.scalars["reward_vs_meta"][1])
    assert np.isnan(given.episodes["reward"][:, 2]).all()


def test_the_reward_matrix_has_a_row_for_each_agent() -> None:
    given = metrics()
    row = [given.scalars[f"reward_vs_agent_{other}"][0] for other in range(2)]
    assert np.isnan(row[0])
    np.testing.assert_allclose(row[1], OUTCOMES["reward"][0, [1, 3], :, 0].mean(), rtol=1e-6)
    assert "reward_vs_agent_0" not in metrics(kinds=(NAIVE,)).scalars
