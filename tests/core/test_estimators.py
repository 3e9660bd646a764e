"""The table of estimators: advantages, value targets and weights of one meta-episode, in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import algorithm1
from support import meta_hyper

from coalactl_core.credit.estimators import ESTIMATORS, centre_by_kind, credit_against, targets_of_meta_episode
from coalactl_core.types import FIXED, META, NAIVE, Targets

pytestmark = pytest.mark.usefixtures("float64")

BATCH, EPISODES, LENGTH = 3, 3, 4
TOLERANCE = 1e-12
METHODS = ["coala-pg", "m-fos", "batch-unaware"]
AVERAGE = {"coala-pg": True, "m-fos": True, "batch-unaware": False}
NORMALIZE = {"coala-pg": True, "m-fos": False, "batch-unaware": False}

compiled = jax.jit(partial(targets_of_meta_episode, inner_episode_length=LENGTH))
close = partial(np.testing.assert_allclose, atol=TOLERANCE, rtol=0)


def random_game(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rewards and values, (batch, steps) as the paper writes them."""
    rewards, values = np.random.default_rng(seed).normal(size=(2, BATCH, EPISODES * LENGTH))
    return rewards, values


def ours(rewards, values, kind: int = NAIVE, method: str = "coala-pg", **changes) -> Targets:
    """Targets with axes (batch, steps)."""
    targets = compiled(rewards.T, values.T, jnp.asarray(kind), meta_hyper(method, **changes))
    return targets._replace(advantages=targets.advantages.T, value_targets=targets.value_targets.T)


def shifted(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[:, 1:], np.zeros((BATCH, 1))], 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("discount", "gae_lambda"), [(1.0, 1.0), (0.9, 0.8)])
def test_advantages_are_algorithm_1_fed_td_errors_and_zeros(method, discount, gae_lambda) -> None:
    rewards, values = random_game()
    found = ours(rewards, values, method=method, discount=discount, gae_lambda=gae_lambda)
    errors = rewards + discount * shifted(values) - values
    flags = AVERAGE[method], NORMALIZE[method]
    expected = algorithm1.algorithm_1(errors, np.zeros_like(errors), discount * gae_lambda, 1.0, LENGTH, *flags)
    close(found.advantages, expected)


@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_credit_from_returns_makes_them_equations_5_6_and_7(discount) -> None:
    """γ·λ_gae belongs to TD errors: returns are discounted by γ alone."""
    rewards, values = random_game()
    credit = {}
    for method in METHODS:
        changes = {"credit_from_returns": True, "discount": discount, "gae_lambda": 0.3}
        credit[method] = ours(rewards, values, method=method, **changes)
    if discount == 1:
        close(credit["coala-pg"].advantages, algorithm1.coala_pg_credit(rewards, LENGTH))
        close(credit["m-fos"].advantages, algorithm1.m_fos_credit(rewards, LENGTH))
        close(credit["batch-unaware"].advantages, algorithm1.batch_unaware_credit(rewards))
    else:
        to_go = [algorithm1.td_lambda_targets(r, np.zeros_like(r), discount, 1.0) for r in rewards]
        close(credit["batch-unaware"].advantages, to_go)


def test_m_fos_from_td_errors_is_its_own_closed_form_and_not_equation_7() -> None:
    """App. A.3 as printed keeps (1 − 1/B) of the own value at the next boundary, for arbitrary values."""
    rewards, values = random_game()
    found = ours(rewards, values, method="m-fos").advantages
    close(found, algorithm1.m_fos_credit_with_values(rewards, values, LENGTH))
    baseline_only = algorithm1.m_fos_credit(rewards, LENGTH) - values
    last_episode = (EPISODES - 1) * LENGTH
    close(found[:, last_episode:], baseline_only[:, last_episode:])
    assert np.all(np.abs(found - baseline_only)[:, :last_episode] > 1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_against_opponents_that_do_not_learn_the_gradient_is_the_plain_one(method) -> None:
    rewards, values = random_game()
    plain = ours(rewards, values, method="batch-unaware")
    for kind in (META, FIXED):
        found = ours(rewards, values, kind, method)
        close(found.advantages, plain.advantages)
        close(found.weight, 1.0)
        row = credit_against(jnp.asarray(kind), ESTIMATORS[method])
        assert [bool(flag) for flag in row] == [False, False, False]
    row = credit_against(jnp.asarray(NAIVE), ESTIMATORS[method])
    assert tuple(bool(flag) for flag in row) == ESTIMATORS[method]


def test_weight_makes_the_mean_over_the_batch_a_sum_where_the_estimator_sums() -> None:
    rewards, values = random_game()
    weights = {method: float(ours(rewards, values, method=method).weight) for method in METHODS}
    assert weights == {"coala-pg": BATCH, "m-fos": BATCH, "batch-unaware": 1}
    by_kind = [float(ours(rewards, values, kind, meta_opponent_weight=4.0).weight) for kind in (NAIVE, META, FIXED)]
    assert by_kind == [BATCH, 4, 1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("discount", "td_lambda"), [(1.0, 1.0), (0.9, 0.5)])
def test_value_targets_are_batch_unaware_td_lambda_for_every_method(method, discount, td_lambda) -> None:
    """Eq. 10: V̂ learns the own trajectory's return, which is not cut at inner episodes."""
    rewards, values = random_game()
    found = ours(rewards, values, method=method, discount=discount, td_lambda=td_lambda, gae_lambda=0.1).value_targets
    close(
        found, [algorithm1.td_lambda_targets(r, v, discount, td_lambda) for r, v in zip(rewards, values, strict=True)]
    )


def test_value_targets_may_average_future_episodes_against_naive_opponents_only() -> None:
    rewards, values = random_game()
    found = ours(rewards, values, value_targets_average_future=True, td_lambda=0.5)
    close(found.value_targets, algorithm1.algorithm_1(rewards, shifted(values), 1.0, 0.5, LENGTH, True, False))
    against_meta = ours(rewards, values, META, value_targets_average_future=True, td_lambda=0.5)
    close(against_meta.value_targets, ours(rewards, values, META, td_lambda=0.5).value_targets)


def test_methods_may_differ_along_a_mapped_axis() -> None:
    """Rows are data: agents of one pool follow different estimators in one program."""
    rewards, values = random_game()
    hypers = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(meta_hyper(method) for method in METHODS))
    mapped = jax.vmap(compiled, (None, None, None, 0))(rewards.T, values.T, jnp.asarray(NAIVE), hypers)
    for place, method in enumerate(METHODS):
        alone = compiled(rewards.T, values.T, jnp.asarray(NAIVE), meta_hyper(method))
        jax.tree.map(lambda together, one, place=place: close(together[place], one), mapped, alone)


def test_centring_takes_the_mean_of_each_kind_and_nothing_else() -> None:
    kinds = jnp.asarray([NAIVE, META, NAIVE, FIXED, META, NAIVE])
    scale = np.asarray([1.0, 10.0, 2.0, 100.0, 20.0, 3.0])
    advantages = np.random.default_rng(1).normal(3.0, 1.0, size=(6, 5, 2)) * scale[:, None, None]
    centred = np.asarray(jax.jit(centre_by_kind)(jnp.asarray(advantages), kinds, jnp.asarray(True)))
    for kind in (NAIVE, META, FIXED):
        members = np.asarray(kinds) == kind
        close(centred[members], advantages[members] - np.mean(advantages[members]))
    left = centre_by_kind(jnp.asarray(advantages), kinds, jnp.asarray(False))
    np.testing.assert_array_equal(left, advantages)


def test_centring_leaves_a_pool_of_one_kind_without_nans() -> None:
    advantages = jnp.asarray(np.random.default_rng(1).normal(size=(2, 3, 2)))
    centred = centre_by_kind(advantages, jnp.asarray([META, META]), jnp.asarray(True))
    close(centred, advantages - jnp.mean(advantages))


@pytest.mark.parametrize("method", METHODS)
def test_a_value_after_the_end_is_the_start_of_the_printed_recursion(method) -> None:
    """The last step's value once more, in value targets and TD errors; at γ = λ = 1 every target then holds it."""
    rewards, values = random_game()
    bootstrapped = jax.jit(partial(targets_of_meta_episode, inner_episode_length=LENGTH, bootstrap_end=True))
    changes = {"discount": 0.9, "td_lambda": 0.7, "gae_lambda": 0.8}
    for hyper in (meta_hyper(method), meta_hyper(method, **changes)):
        found = bootstrapped(rewards.T, values.T, jnp.asarray(NAIVE), hyper)
        after = np.concatenate([values[:, 1:], values[:, -1:]], 1)
        discount, lambda_ = float(hyper.discount), float(hyper.td_lambda)
        expected = algorithm1.algorithm_1(rewards, after, discount, lambda_, LENGTH, False, False)
        close(found.value_targets.T, expected)
        errors = rewards + discount * after - values
        decay = discount * float(hyper.gae_lambda)
        flags = AVERAGE[method], NORMALIZE[method]
        close(
            found.advantages.T,
            algorithm1.algorithm_1(errors, np.zeros_like(errors), decay, 1.0, LENGTH, *flags),
        )
    plain = ours(rewards, values, method=method)
    found = bootstrapped(rewards.T, values.T, jnp.asarray(NAIVE), meta_hyper(method))
    close(found.value_targets.T - plain.value_targets, np.broadcast_to(values[:, -1:], values.shape))
