"""POLA-DiCE: an update against its transcription, and what it has in common with LOLA-DiCE."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import support
from reference import pola as reference
from statistical import two_step_game as game
from statistical.inner_episode import ACTIONS, COUNT, POLICY, REWARDS, SEEN
from support import meta_hyper, naive_hyper, opponents_like

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.learning.optimizers import fresh_learner, sgd
from coalactl_core.opponents.a2c import Anchor, naive_update
from coalactl_core.play.rollout import Record
from coalactl_core.rules.look_ahead import LookAhead, step_of_agent
from coalactl_core.rules.pola import proximal_steps
from coalactl_core.rules.seam import Met, Numbers
from coalactl_core.training.engine import build_engine
from coalactl_core.types import NAIVE, Experience, Learner, Pairing

pytestmark = pytest.mark.usefixtures("float64")

BATCH, LOOK_AHEADS, OUTER_STEPS, OUTER_RATE = 6, 3, 2, 0.7
NUMBERS = reference.Numbers(gamma=0.9, rate=4.0, inner_kl=0.8, outer_kl=0.6)
HYPER = {"discount": 0.9, "normalize_advantages": False}
# Sums of some tens of numbers of order 1 in float64.
close = partial(np.testing.assert_allclose, rtol=1e-11, atol=1e-12)


def taken(key: jax.Array) -> jax.Array:
    """Which trajectories a batch holds: any, whatever the players would do."""
    return jax.random.randint(key, (BATCH,), 0, COUNT)


def sample(prepared: Any, key: jax.Array, *others: Any) -> Record:
    which = taken(key)
    return Record(
        state=jnp.asarray(SEEN[..., 0])[which].T,
        actions=jnp.swapaxes(jnp.asarray(ACTIONS)[which], 0, 1),
        rewards=jnp.swapaxes(jnp.asarray(REWARDS)[which], 0, 1),
        events=None,
        log_prob=jnp.zeros((game.LENGTH, BATCH)),
        value=jnp.zeros((game.LENGTH, BATCH)),
    )


ROLLOUT = support.rollout_of(game.ENVIRONMENT, POLICY, BATCH, 1)
AHEAD: LookAhead = support.lola_of(ROLLOUT, sample=sample, look_aheads=LOOK_AHEADS)


@cache
def players() -> tuple[Any, Any]:
    """Of values 0, so that nothing but the policies learns."""
    made = [POLICY.init(key) for key in jax.random.split(jax.random.key(0))]
    ego, other = ({**params, "values": jnp.zeros_like(params["values"])} for params in made)
    return ego, other


def met(other: Any) -> Met:
    """One naive co-player, at the start of one inner episode."""
    fresh = jnp.zeros((1, 1, BATCH), int)
    learner = jax.tree.map(lambda leaf: leaf[None, None], fresh_learner(sgd, other))
    start = Pairing(learner=learner, ego_carry=fresh, coplayer_carry=fresh)
    return Met(kept=start, outcomes={}, opponents=opponents_like((), [NAIVE]))


def updated(outer_steps: int = OUTER_STEPS, **settings: float) -> tuple[Learner, dict[str, Any]]:
    ego, other = players()
    of_rule = {"learning_rate": NUMBERS.rate, "inner_kl": NUMBERS.inner_kl, "outer_kl": NUMBERS.outer_kl} | settings
    numbers = Numbers(
        meta_hyper(learning_rate=OUTER_RATE, **HYPER),
        naive_hyper(**HYPER),
        {name: jnp.asarray(value) for name, value in of_rule.items()},
    )
    update = jax.jit(partial(proximal_steps, ahead=AHEAD, outer_steps=outer_steps))
    found: tuple[Learner, dict[str, Any]] = update(jax.random.key(1), fresh_learner(sgd, ego), met(other), numbers)
    return found


def batches_of(key: jax.Array) -> list[reference.Games]:
    """Those of an outer step's look-aheads, and that on which the agent is scored."""
    ahead, last = jax.random.split(jax.random.split(key, (1, 1))[0, 0])
    chosen = [np.asarray(taken(key)) for key in (*jax.random.split(ahead, LOOK_AHEADS), last)]
    return [reference.Games(SEEN[which], ACTIONS[which], REWARDS[which]) for which in chosen]


def test_an_update_is_that_of_the_transcription() -> None:
    """Two outer steps of three look-aheads each, all on batches of their own, from where the co-player stood."""
    learner, report = updated()
    before, psi = (np.asarray(player["logits"]) for player in players())
    phi = before
    for key in jax.random.split(jax.random.key(1), OUTER_STEPS):
        batches = batches_of(key)
        last, phi = phi, phi - OUTER_RATE * reference.gradient(phi, before, psi, batches, NUMBERS)
    close(learner.params["logits"], phi)

    ahead = psi.astype(complex)
    for games in batches[:-1]:
        ahead = reference.coplayer_step(last.astype(complex), ahead, psi, games, NUMBERS)
    for player, (name, tables) in enumerate({"outer": (last, before), "inner": (ahead.real, psi)}.items()):
        rows = batches[-1].seen[..., player].ravel()
        close(report[f"pola_{name}_kl"], np.mean([reference.kl(*(table[row] for table in tables)) for row in rows]))
        assert report[f"pola_{name}_kl"] > 0.01


@pytest.mark.parametrize("changed", ["inner_kl", "outer_kl"])
def test_both_divergences_count(changed: str) -> None:
    moved = updated()[0].params["logits"] - updated(**{changed: 0.0})[0].params["logits"]
    assert jnp.abs(moved).max() > 1e-3


def test_one_outer_step_without_inner_divergence_is_lola() -> None:
    ego, other = players()
    key = jax.random.split(jax.random.key(1), 1)[0]
    settings = {"learning_rate": jnp.asarray(NUMBERS.rate)}
    numbers = Numbers(meta_hyper(learning_rate=OUTER_RATE, **HYPER), naive_hyper(**HYPER), settings)
    step = jax.jit(partial(step_of_agent, ahead=AHEAD))
    expected, report = step(key, fresh_learner(sgd, ego), met(other), numbers)
    assert not {"pola_inner_kl", "pola_outer_kl"} & report.keys()
    learner, _ = updated(outer_steps=1, inner_kl=0.0)
    close(learner.params["logits"], expected.params["logits"])


def test_an_anchor_of_ones_own_policy_has_no_pull_and_one_of_another_has() -> None:
    """What it adds to a plain update is weight times the gradient of the mean divergence, also without likelihoods."""
    ego, other = players()
    record = sample(None, jax.random.key(2))
    seen = jax.vmap(jax.vmap(partial(game.ENVIRONMENT.observe, player=1)))(record.state)
    experience = Experience(seen, record.actions[..., 1], record.rewards[..., 1])
    rows = np.asarray(SEEN[np.asarray(taken(jax.random.key(2)))][..., 1]).T
    update = partial(naive_update, policy=POLICY, optimizer=sgd)

    def logits_after(anchor: Any) -> jax.Array:
        found = update(fresh_learner(sgd, other), experience, naive_hyper(learning_rate=1.0), anchor=anchor)
        logits: jax.Array = found.params["logits"]
        return logits

    plain = logits_after(None)
    close(logits_after(Anchor(other["logits"][rows], jnp.asarray(0.5))), plain)
    pulled = logits_after(Anchor(ego["logits"][rows], jnp.asarray(0.5))) - plain

    def divergence(logits: jax.Array) -> jax.Array:
        log_p, log_q = (jax.nn.log_softmax(table)[rows] for table in (logits, ego["logits"]))
        return jnp.mean(jnp.sum(jnp.exp(log_p) * (log_p - log_q), -1))

    close(pulled, -0.5 * jax.grad(divergence)(other["logits"]))
    assert jnp.abs(pulled).max() > 1e-2


@pytest.mark.long
def test_it_trains_among_naive_learners_and_agents_of_other_rules() -> None:
    """Its steps change its policy; its columns are empty for agents of other rules."""
    pola = {"method": "pola", "settings": {"algorithm": "a2c", "learning_rate": 0.01}}
    engine = build_engine(
        SequenceExperiment.model_validate(
            {
                "network": {"width": 2, "heads": 1, "mlp_width": 2},
                "population": {"meta": [pola, {"method": "coala-pg"}], "naive": 2, "p_naive": 0.5, "stratified": True},
                "rollout": {"meta_batch_size": 2, "batch_size": 2, "inner_episodes": 2, "inner_episode_length": 3},
                "meta": {"epochs": 1, "minibatches": 1},
                "pola": {"outer_steps": 3},
                "compute": {"devices": 1},
            }
        )
    )
    state, metrics = engine.advance(engine.init([0]), 2)
    assert np.isfinite(np.asarray(state.meta.params)).all()
    for name in ("pola_inner_kl", "pola_outer_kl"):
        assert (metrics.scalars[name][0, :2, 0] > 0).all()
        assert np.isnan(metrics.scalars[name][0, :2, 1]).all()
