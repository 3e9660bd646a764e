"""PPI against a NumPy transcription in float64: its model's loss and gradient, and the values that it plans with."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from reference import ppi as reference
from support import meta_hyper

from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.nets.policy import PolicyOutput
from coalactl_core.nets.sequence_model import Revealed, after_token, sequence_model, tables_of
from coalactl_core.play.planning import Planner
from coalactl_core.play.policies import revealed_by
from coalactl_core.rules.histories import Histories, began_with, evenly, first_histories, games_of, with_games
from coalactl_core.rules.ppi import Ppi, fitted, model_loss

pytestmark = pytest.mark.usefixtures("float64")

WIDTH, ROUNDS = 4, 6
GAME = MatrixGame(episode_length=ROUNDS, payoffs=((1.0, -1.0), (2.0, 0.25)))
REVEALED = Revealed((-1, 0, 0, 1, 1), (0.0, 1.0, -1.0, 2.0, 0.25))
POLICY = sequence_model(NetworkConfig(name="sequence-model", width=WIDTH, embedding=3), 2, REVEALED)
DOUBLE = POLICY._replace(init=lambda key: jax.tree.map(lambda leaf: leaf.astype(float), POLICY.init(key)))
PPI = Ppi(DOUBLE, GAME, REVEALED, evenly, first_histories=8, capacity=14, epochs=3, batch=4)
WEIGHTS = {"observation_weight": 0.7, "reward_weight": 1.3, "action_weight": 0.4}
SETTINGS = {
    **WEIGHTS,
    "learning_rate": jnp.asarray(0.02),
    "weight_decay": jnp.asarray(0.1),
    "adam_beta_1": jnp.asarray(0.9),
    "adam_beta_2": jnp.asarray(0.98),
}
# Sums of some tens of numbers of order 1 in float64.
close = partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-12)


def drawn() -> Any:
    """Parameters away from biases of zero."""
    draws = np.random.default_rng(0)
    like = jax.eval_shape(POLICY.init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(0.6 * draws.normal(size=leaf.shape)), like)


def played(count: int = 8, seed: int = 0) -> Histories:
    return _first(jax.random.key(seed), count)


@partial(jax.jit, static_argnums=1)
def _first(key: jax.Array, count: int) -> Histories:
    return first_histories(key, GAME, evenly, count)


def test_what_observations_reveal_is_what_the_game_paid() -> None:
    for recalls in (False, True):
        found = revealed_by(GAME._replace(recalls=recalls))
        assert found is not None
        # A start that recalls the step before tells of it, too.
        assert found == Revealed(*(told + told[1:] * recalls for told in REVEALED))
    for own in range(2):
        for other in range(2):
            state, rewards, _ = GAME.step(jax.random.key(0), jnp.int8(0), jnp.asarray([own, other]))
            for player, action in enumerate((own, other)):
                number = int(GAME.observe_number(state, player))
                assert (REVEALED.actions[number], REVEALED.rewards[number]) == (action, rewards[player])


def test_the_loss_and_its_gradient_are_those_of_the_transcription() -> None:
    """Differentiated by complex steps, every parameter by itself."""
    params, part = drawn(), played(2)
    numbers, actions = np.asarray(part.numbers), np.asarray(part.actions)
    rewards = np.asarray(REVEALED.rewards)[numbers]
    gradient = jax.jit(jax.value_and_grad(partial(model_loss, settings=WEIGHTS, ppi=PPI), has_aux=True))
    (total, losses), slopes = gradient(params, part)
    expected = reference.losses(params, numbers, rewards, actions)
    for name, value in expected.items():
        close(getattr(losses, name), value)

    def weighted(params: Any) -> Any:
        found = reference.losses(params, numbers, rewards, actions)
        return sum(WEIGHTS[f"{name}_weight"] * value for name, value in found.items())

    close(total, weighted(params))
    compared = 0
    for path, place, changed in reference.changed(jax.tree.map(np.asarray, params), 1e-30j):
        slope = slopes
        for name in path:
            slope = slope[name]
        close(slope[place], np.imag(weighted(changed)) / 1e-30)
        compared += 1
    assert compared == sum(leaf.size for leaf in jax.tree.leaves(params)) > 150


def test_the_cell_is_the_librarys() -> None:
    params, state, x = drawn(), jnp.linspace(-1.0, 1.0, WIDTH), jnp.asarray([0.3, -0.7, 1.1])
    bias = np.concatenate([params["cell"][f"i{gate}"]["bias"] for gate in "rzn"])
    kernel = np.concatenate([params["cell"][f"i{gate}"]["kernel"] for gate in "rzn"], -1)
    expected, _ = nn.GRUCell(WIDTH).apply({"params": params["cell"]}, state, x)
    close(after_token(state, x @ kernel + bias, tables_of(params)), expected)


def test_acting_is_the_model_along_the_history_and_unrolling_repeated_acting() -> None:
    """What it has done and earned it knows by what it sees; the start has neither an action nor a reward."""
    params, part = drawn(), played(2)
    tables = POLICY.prepare(params, 1)
    numbers, actions = np.asarray(part.numbers[0]), np.asarray(part.actions[0])
    own, state = reference.start(params), POLICY.initial_carry()
    found = []
    for number, action in zip(numbers, actions, strict=True):
        own = reference.token(params, own, "observation", number)
        own = reference.token(params, own, "reward", REVEALED.rewards[number])
        output, state = POLICY.step(tables, jnp.asarray(number), state)
        found.append(output)
        close(state, own)
        close(output.logits, reference.head(params, own, "action"))
        own = reference.token(params, own, "action", action)
    whole, last = POLICY.unroll(tables, jnp.asarray(numbers), POLICY.initial_carry(), None)
    jax.tree.map(lambda all_, *each: close(all_, jnp.stack(each)), whole, *found)
    close(last, state)
    again, _ = POLICY.unroll(tables, jnp.asarray(numbers[:3].tolist() * 2), state, jnp.arange(6) % 3 == 0)
    close(again.logits[:3], again.logits[3:])


@pytest.mark.parametrize("discount", [1.0, 0.5])
def test_planned_values_are_those_of_everything_that_the_model_can_draw(discount: float) -> None:
    params = drawn()
    tables, state = POLICY.prepare(params, 1), jnp.linspace(-1.0, 1.0, WIDTH)
    expected = reference.action_values(params, np.asarray(state), 2, discount)
    # 400 independent estimates of 50 roll-outs, so that their spread gives the standard error.
    planner = Planner(beta=3.0, samples=50, horizon=2, discount=discount)
    keys = jax.random.split(jax.random.key(1), 400)
    found = np.asarray(jax.jit(jax.vmap(lambda key: planner.action_values(key, tables, state)))(keys))
    for values, exact in ((found, expected), (found[:, 0] - found[:, 1], expected[0] - expected[1])):
        error = values.std(0, ddof=1) / np.sqrt(len(keys))
        assert (error < 0.02).all()
        assert (np.abs(values.mean(0) - exact) < 4 * error).all()
    assert abs(expected[0] - expected[1]) > 4 * error

    prior = jnp.asarray([0.2, -0.4])
    decided = planner.decide(keys[0], tables, state, PolicyOutput(prior, jnp.zeros(())))
    weights = np.exp(prior) * np.exp(3.0 * found[0])
    close(jax.nn.softmax(decided), weights / weights.sum())
    plain = planner._replace(beta=0.0).decide(keys[0], tables, state, PolicyOutput(prior, jnp.zeros(())))
    close(jax.nn.softmax(plain), jax.nn.softmax(prior))


def test_first_histories_are_both_sides_of_the_same_games() -> None:
    first = played(400)
    numbers, actions = np.asarray(first.numbers), np.asarray(first.actions)
    own, other = actions[0::2], actions[1::2]
    assert (numbers[:, 0] == 0).all()
    np.testing.assert_array_equal(numbers[0::2, 1:], 1 + 2 * own[:, :-1] + other[:, :-1])
    np.testing.assert_array_equal(numbers[1::2, 1:], 1 + 2 * other[:, :-1] + own[:, :-1])
    # 2,400 fair coins: a standard error of .010.
    assert abs(actions.mean() - 0.5) < 0.04


def test_games_are_added_from_the_second_phase_on() -> None:
    """Algorithm 1: D_k = D_{k-1} and the games of phase k; those before the first are of nobody who has learnt."""
    collected, first, add = began_with(played(), 14), played(), jax.jit(with_games)
    for phase in range(1, 5):
        games = played(3, seed=phase)
        before, collected = collected, add(collected, games)
        added = 3 * (phase > 1)
        assert (int(collected.size), int(collected.phases)) == (min(8 + 3 * (phase - 1), 17), phase)
        if phase < 4:
            kept = jax.tree.map(lambda leaf, size=int(before.size): leaf[:size], before.histories)
            jax.tree.map(
                lambda old, new: np.testing.assert_array_equal(new[: len(old)], old), kept, collected.histories
            )
            if added:
                last = jax.tree.map(lambda leaf, end=int(collected.size): leaf[end - 3 : end], collected.histories)
                jax.tree.map(np.testing.assert_array_equal, last, games)
    jax.tree.map(lambda whole, part: np.testing.assert_array_equal(whole[:8], part), collected.histories, first)


def test_kept_inner_episodes_are_a_history_a_game() -> None:
    kept = np.arange(2 * 1 * 3 * 5).reshape(2, 1, 3, 5)
    found = games_of(Histories(jnp.asarray(kept), jnp.asarray(kept))).numbers
    np.testing.assert_array_equal(found, [kept[game, 0, :, batch] for game in range(2) for batch in range(5)])


@pytest.mark.long
def test_a_phase_begins_afresh_and_goes_through_all_histories_in_each_epoch() -> None:
    """Without a rate nothing but the fresh model is left; with one, AdamW's steps on the batches, as optax has them."""
    collected = began_with(played(9), 14)._replace(phases=jnp.int32(1))
    key = jax.random.key(5)
    hyper = meta_hyper(max_grad_norm=jnp.asarray(0.05), adam_epsilon=jnp.asarray(1e-8))
    fit = jax.jit(partial(fitted, ppi=PPI))
    fresh = DOUBLE.init(jax.random.split(key)[0])
    still, _ = fit(key, collected, hyper, SETTINGS | {"learning_rate": jnp.asarray(0.0)})
    jax.tree.map(close, still, fresh)

    found, report = fit(key, collected, hyper, SETTINGS)
    optimizer = optax.chain(
        optax.clip_by_global_norm(0.05), optax.adamw(0.02, b1=0.9, b2=0.98, eps=1e-8, weight_decay=0.1)
    )
    gradient = jax.jit(jax.value_and_grad(partial(model_loss, settings=SETTINGS, ppi=PPI), has_aux=True))
    params, state, seen = fresh, optimizer.init(fresh), []
    for epoch in jax.random.split(jax.random.split(key)[1], PPI.epochs):
        places = jnp.where(jnp.arange(14) < 9, jax.random.uniform(epoch, (14,)), jnp.inf)
        order = np.argsort(np.asarray(places))
        losses = []
        for members in (order[:4], order[4:8]):
            seen.extend(members)
            part = jax.tree.map(lambda leaf, members=members: leaf[members], collected.histories)
            (_, parts), slopes = gradient(params, part)
            updates, state = optimizer.update(slopes, state, params)
            params = optax.apply_updates(params, updates)
            losses.append(parts)
    # Optax corrects Adam's means in single precision.
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-6), found, params)
    assert max(seen) < 9
    assert sorted(np.bincount(seen, minlength=9))[1:] != [0] * 8
    for name in ("observation", "reward", "action"):
        close(report[f"ppi_{name}_loss"], np.mean([getattr(each, name) for each in losses]), rtol=1e-8)
