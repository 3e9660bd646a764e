"""Extortion policies: Eq. 18, the relation that they enforce, their valid range, and the fit to any policy."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import analytical_games as paper

from coalactl_core.configuration import memory_one
from coalactl_core.fits.zero_determinant import LARGEST_CHI, extortion_policy, fit_extortion, largest_phi

pytestmark = pytest.mark.usefixtures("float64")

# T - P is equal to P - S (the paper's), above it (Axelrod's), and below it. Rows: R S, T P.
DILEMMAS = [[[1.0, -1.0], [2.0, 0.0]], [[3.0, 0.0], [5.0, 1.0]], [[2.0, -3.0], [2.5, 1.0]]]
PAPER = DILEMMAS[0]
CHIS = [1.0, 1.5, 3.0, 20.0]
SHARES = [0.1, 0.7, 1.0]
# Four probabilities by a handful of operations on numbers of order 1.
EXACT = 1e-12

fit = jax.jit(jax.vmap(fit_extortion, (0, None)))


def policy_of(chi: float, share: float, payoffs: list) -> tuple[float, np.ndarray]:
    """The extortion policy at a share of the largest φ, and that φ."""
    table = jnp.asarray(payoffs)
    phi = share * largest_phi(jnp.asarray(chi), table)
    return float(phi), np.asarray(extortion_policy(jnp.asarray(chi), phi, table))


CASES = list(itertools.product(CHIS, SHARES, DILEMMAS))


@pytest.mark.parametrize(("chi", "share", "payoffs"), CASES)
def test_is_equation_18_and_gives_probabilities(chi, share, payoffs) -> None:
    phi, found = policy_of(chi, share, payoffs)
    np.testing.assert_allclose(found, paper.extortion(chi, phi, np.asarray(payoffs)), atol=EXACT)
    assert ((found >= -EXACT) & (found <= 1 + EXACT)).all()


@pytest.mark.parametrize(("chi", "share", "payoffs"), CASES)
def test_named_and_configured_extortioners_are_the_same_policies(chi, share, payoffs) -> None:
    """The configuration, which imports no JAX, has the two formulas once more."""
    phi, found = policy_of(chi, share, payoffs)
    table = tuple(map(tuple, payoffs))
    np.testing.assert_allclose(share * memory_one.largest_phi(chi, table), phi, atol=EXACT)
    np.testing.assert_allclose(memory_one.extortion(chi, table, phi)[1:], found, atol=EXACT)


@pytest.mark.parametrize("payoffs", DILEMMAS)
@pytest.mark.parametrize("chi", CHIS)
def test_above_the_largest_phi_there_are_no_probabilities(chi, payoffs) -> None:
    _, beyond = policy_of(chi, 1 + 1e-6, payoffs)
    assert beyond.min() < 0 or beyond.max() > 1


@pytest.mark.parametrize(("chi", "share", "payoffs"), CASES)
def test_enforces_its_share_of_the_surplus_whatever_the_other_does(chi, share, payoffs) -> None:
    """Own reward - P = χ (the other's reward - P) in the undiscounted game, at the stationary distribution."""
    _, own = policy_of(chi, share, payoffs)
    punishment = payoffs[1][1]
    rng = np.random.default_rng(0)
    for _ in range(5):
        other = rng.uniform(0.05, 0.95, size=5)
        mine, theirs = paper.long_run_rewards(np.array([0.5, *own]), other, np.asarray(payoffs)) - punishment
        # Rounding of a least-squares solve whose chain mixes within some 1 / (.05 · φ) steps, times χ.
        np.testing.assert_allclose(mine, chi * theirs, atol=1e-9)


@pytest.mark.parametrize("payoffs", DILEMMAS)
def test_tit_for_tat_is_the_fairest_at_the_largest_phi(payoffs) -> None:
    phi, policy = policy_of(1.0, 1.0, payoffs)
    np.testing.assert_allclose(policy, [1, 0, 1, 0], atol=EXACT)
    found = fit_extortion(jnp.asarray([1.0, 0, 1, 0]), jnp.asarray(payoffs))
    np.testing.assert_allclose([found.chi, found.phi, found.error], [1, phi, 0], atol=EXACT)


def test_fits_its_own_policies_back() -> None:
    for payoffs in DILEMMAS:
        cases = list(itertools.product(CHIS, SHARES))
        made = [policy_of(chi, share, payoffs) for chi, share in cases]
        found = fit(jnp.asarray([policy for _, policy in made]), jnp.asarray(payoffs))
        # χ = (φχ) / φ: φ is .03 at least, of which rounding of the normal equations takes 1e-14 or so.
        np.testing.assert_allclose(found.chi, [chi for chi, _ in cases], rtol=1e-9)
        np.testing.assert_allclose(found.phi, [phi for phi, _ in made], rtol=1e-9)
        np.testing.assert_allclose(found.error, 0, atol=EXACT)


def test_is_the_least_squares_optimum_over_the_valid_range() -> None:
    """No point of a fine grid over the range is better, for policies all over the cube and at its corners."""
    corners = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
    policies = np.concatenate([np.random.default_rng(1).uniform(size=(100, 4)), corners])
    for payoffs in DILEMMAS:
        table = np.asarray(payoffs)
        found = fit(jnp.asarray(policies), jnp.asarray(payoffs))
        chis = np.concatenate([np.linspace(1, 5, 200), np.geomspace(5, LARGEST_CHI, 100)])
        tops = [float(largest_phi(jnp.asarray(chi), jnp.asarray(payoffs))) for chi in chis]
        made = [
            paper.extortion(chi, share * top, table)
            for chi, top in zip(chis, tops, strict=True)
            for share in np.linspace(1e-9, 1, 60)
        ]
        best = np.array([np.square(np.stack(made) - policy).mean(axis=1).min() for policy in policies])
        assert (np.asarray(found.error) <= best + EXACT).all()
        # And the grid comes near: it is 1/60 of φ and 2% of χ wide, at an optimum that is flat or on an edge.
        assert (np.asarray(found.error) >= best - 0.01).all()


def test_what_is_fitted_lies_in_the_range_and_has_the_error_that_is_told() -> None:
    policies = np.random.default_rng(2).uniform(size=(200, 4))
    table = jnp.asarray(PAPER)
    found = fit(jnp.asarray(policies), table)
    assert (found.chi >= 1 - EXACT).all()
    assert (found.chi <= LARGEST_CHI * (1 + EXACT)).all()
    assert (found.phi >= 0).all()
    assert (found.phi <= jax.vmap(largest_phi, (0, None))(found.chi, table) + EXACT).all()
    made = jax.vmap(extortion_policy, (0, 0, None))(found.chi, found.phi, table)
    np.testing.assert_allclose(found.error, np.square(made - policies).mean(axis=1), atol=EXACT)


def test_random_policies_are_far_from_extortion() -> None:
    """Fig. 8's comparison: uniform probabilities. .159 [.079, .218] was measured with other code on one sample."""
    policies = jax.random.uniform(jax.random.key(0), (4096, 4), float)
    errors = np.asarray(fit(policies, jnp.asarray(PAPER)).error)
    quartiles = np.quantile(errors, [0.25, 0.5, 0.75])
    # A quartile of 4096 draws has a standard error below .003, one of 64 about .02: three of them.
    np.testing.assert_allclose(quartiles, [0.079, 0.159, 0.218], atol=0.06)


@pytest.mark.parametrize("payoffs", [[[1.0, 0.0], [0.5, 0.2]], [[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [2.0, 0.0]]])
def test_other_games_have_no_extortioners(payoffs) -> None:
    found = fit_extortion(jnp.full(4, 0.5), jnp.asarray(payoffs))
    assert np.isnan([found.chi, found.phi, found.error]).all()
