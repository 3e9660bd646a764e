"""LOQA (arXiv:2405.01035, ICLR 2024): learning with opponent Q-learning awareness.

The co-player is taken to act by a softmax of its action values, in which that of the action b_t that it took is the
return that followed, Q̂_t. What followed is of the agent's making: its later actions change Q̂_t, and with it what the
co-player does. With advantages A of the agent, action values Q' and values V' of the co-player, the agent ascends

    E Σ_t A_t ( ∇log π(a_t) + w ∇log π̂(b_t) )

    log π̂(b_t) = Q̂_t/τ − log( exp(Q̂_t/τ) + Σ_{b≠b_t} exp(Q'(h_t, b)/τ) )
    ∇Q̂_t       = γ Σ_{k>t} (γδ)^{k−t−1} A'_k ∇log π(a_k),   A'_k = R'_k − V'(h_k)

The last line is the derivative of Loaded DiCE's return (Farquhar et al. 2019), with R' the co-player's return; a_t is
not in it, since both move at once. ∇log π̂(b_t) is (1 − π̂(b_t)) ∇Q̂_t/τ, so that sorted by the action whose
log-probability is differentiated all of it is a policy gradient, by PPO or A2C, with the advantages

    A*_k = A_k + (wγ/τ) ( Σ_{t<k} (γδ)^{k−t−1} (1 − π̂(b_t)) A_t ) A'_k

Q' and V' are the agent's own estimates: a network as its policy's, whose logits are action values, learns them from
what the co-player saw, did and earned. So any co-player will do. A meta-trajectory is one episode here, as for A.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.configuration.loqa import LoqaConfig
from coalactl_core.credit.estimators import centre_by_kind
from coalactl_core.credit.returns import discounted_past
from coalactl_core.learning.models import Model, fresh_model, model_after, output_of, outputs_of
from coalactl_core.learning.objectives import value_loss
from coalactl_core.learning.optimizers import fresh_learner
from coalactl_core.learning.update import LearningBatch, Updater, update_agent
from coalactl_core.play.rollout import Rollout
from coalactl_core.play.trajectories import joined, joint_trajectory
from coalactl_core.rules.score_function import report_of, targets_by, updater_of
from coalactl_core.rules.seam import Met, Numbers, Report, Rule, Setting
from coalactl_core.types import (
    EnvironmentState,
    Learner,
    MetaEpisode,
    Number,
    Params,
)


class Loqa(NamedTuple):
    """The static side of the learner; ``steps``: gradient steps of the model in an iteration."""

    rollout: Rollout
    updater: Updater
    kinds: tuple[int, ...]
    steps: int

    @property
    def model(self) -> Model:
        """The agent's model of what its co-player expects: of the policy's form, with the co-player's view."""
        return Model(self.rollout.policy, 1, self.updater, self.steps)


class Lesson(NamedTuple):
    """What the model learns from: what the co-player saw and did, and the return that followed, in rescaled rewards."""

    states: EnvironmentState
    actions: Int[Array, "meta_batch steps batch"]
    returns: Float[Array, "meta_batch steps batch"]


def build(setting: Setting) -> Rule:
    """The rule of agents that shape the softmax of their co-player's action values."""
    config = setting.settings
    if not isinstance(config, LoqaConfig):
        raise TypeError(f"LOQA's settings are a LoqaConfig, not {config!r}")
    updater = updater_of(setting.experiment, setting.group.meta, setting.rollout)
    return loqa_rule(Loqa(setting.rollout, updater, setting.kinds, config.steps))


def loqa_rule(loqa: Loqa) -> Rule:
    """The rule behind the seam; its state is the learner of the model."""

    def init(key: Key[Array, ""], params: Params) -> Learner:
        return fresh_learner(loqa.updater.optimizer, params)._replace(state=fresh_model(key, loqa.model))

    return Rule(init=init, keep=joint_trajectory, update=partial(_learn, loqa=loqa), whole=True)


def chances_by_values(
    returns: Float[Array, "*lead"],
    action_values: Float[Array, "*lead actions"],
    actions: Int[Array, "*lead"],
    temperature: float | Number,
) -> Float[Array, "*lead"]:
    """π̂(b_t): the softmax's probability of the action taken, whose value is the return that followed."""
    taken = jax.nn.one_hot(actions, action_values.shape[-1], dtype=bool)
    values = jnp.where(taken, returns[..., None], action_values)
    return jnp.sum(jax.nn.softmax(values / temperature), -1, where=taken)


def shaping_credit(
    own: Float[Array, "*lead steps batch"],
    theirs: Float[Array, "*lead steps batch"],
    chances: Float[Array, "*lead steps batch"],
    *,
    weight: float | Number,
    temperature: float | Number,
    discount: float | Number,
    decay: float | Number,
) -> Float[Array, "*lead steps batch"]:
    """What is added to the agent's advantages (A* less A of the module's docstring); 0 at the first step."""
    past = discounted_past((1 - chances) * own, discount * decay)
    return weight * discount / temperature * past * theirs


def _learn(key: Key[Array, ""], learner: Learner, met: Met, numbers: Numbers, *, loqa: Loqa) -> tuple[Learner, Report]:
    """One agent's update and its report: that of the plain policy gradient but for the advantages.

    The model expects before it learns: on data of its own its errors would depend on what was done.
    """
    hyper, settings, updater, opponents = numbers.meta, numbers.settings, loqa.updater, met.opponents
    episodes = MetaEpisode(joined(met.kept.trajectory), met.outcomes)
    actions, rewards = (
        leaf.reshape(episodes.trajectory.rewards.shape) for leaf in (met.kept.actions, met.kept.rewards)
    )
    expected = outputs_of(learner.state.params, episodes.trajectory.states, loqa.model)
    theirs = episodes.trajectory._replace(rewards=rewards, values=expected.value)
    # Of the trajectory itself, whatever the agent's own critic learns: what followed is of what was done in it.
    plain = hyper._replace(value_targets_average_future=jnp.zeros_like(hyper.value_targets_average_future))
    returns = targets_by(updater, episodes._replace(trajectory=theirs), opponents, plain).value_targets
    targets = targets_by(updater, episodes, opponents, hyper)
    added = shaping_credit(
        targets.advantages,
        centre_by_kind(returns - expected.value, opponents.kind, hyper.normalize_advantages),
        chances_by_values(returns, expected.logits, actions, settings["temperature"]),
        weight=settings["weight"],
        temperature=settings["temperature"],
        discount=hyper.discount,
        decay=settings["decay"],
    )
    lesson = Lesson(episodes.trajectory.states, actions, returns)
    of_model = hyper._replace(learning_rate=settings["learning_rate"])
    model, model_loss = model_after(learner.state, lesson, partial(_loss, model=loqa.model), of_model, loqa.model)
    targets = targets._replace(advantages=targets.advantages + added)
    learner, losses = update_agent(key, learner, LearningBatch(episodes.trajectory, targets), hyper, updater)
    report = report_of(episodes, opponents, targets, losses, loqa.kinds)
    return learner._replace(state=model), report | {"loqa_scale": jnp.std(added), "loqa_model_loss": model_loss}


def _loss(params: Params, part: Lesson, model: Model) -> Float[Array, ""]:
    """Half the squared errors of the values of what was done, and of the values before it."""
    prepared = model.policy.prepare(params, part.actions.size)
    output = jax.vmap(lambda states: output_of(prepared, states, model))(part.states)
    taken = jax.nn.one_hot(part.actions, output.logits.shape[-1], dtype=bool)
    of_action = value_loss(jnp.sum(output.logits, -1, where=taken), part.returns)
    return jnp.mean(of_action + value_loss(output.value, part.returns))
