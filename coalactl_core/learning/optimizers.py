"""Optimisers through optax, built anew in each step from traced numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax

from coalactl_core.types import Learner, Number, Params

# From Adam's ε to the direction of a step, which the learning rate is yet to scale.
Optimizer = Callable[[float | Number], optax.GradientTransformation]


def adam(epsilon: float | Number) -> optax.GradientTransformation:
    """Adam (Kingma & Ba 2015) with optax's decay rates, β₁ = .9 and β₂ = .999."""
    return optax.scale_by_adam(eps=epsilon)


def adamw(epsilon: float | Number) -> optax.GradientTransformation:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019), optax's 1e-4 of every parameter."""
    return optax.chain(optax.scale_by_adam(eps=epsilon), optax.add_decayed_weights(1e-4))


def sgd(epsilon: float | Number) -> optax.GradientTransformation:
    """The gradient as it is."""
    del epsilon
    return optax.identity()


def differentiable_adam(epsilon: float | Number) -> optax.GradientTransformation:
    """Adam with a little under its square root, whose derivative at 0 is infinite: for who differentiates a step."""
    return optax.scale_by_adam(eps=epsilon, eps_root=1e-12)


OPTIMIZERS: dict[str, Optimizer] = {"adam": adam, "adamw": adamw, "sgd": sgd}
# With states of the same form as their namesakes above.
DIFFERENTIABLE_OPTIMIZERS: dict[str, Optimizer] = {"adam": differentiable_adam, "sgd": sgd}


@runtime_checkable
class OptimizerNumbers(Protocol):
    """The hyperparameters that an optimiser needs; those of meta and of naive agents have them."""

    @property
    def adam_epsilon(self) -> Number:
        """ε of Adam and AdamW; unused by SGD."""

    @property
    def learning_rate(self) -> Number:
        """Step size."""

    @property
    def max_grad_norm(self) -> Number:
        """Largest global norm that is left as it is."""


class OptimizerStep(NamedTuple):
    """A learner after one step, and the gradient's global norm before clipping."""

    learner: Learner
    grad_norm: Number


def fresh_learner(optimizer: Optimizer, params: Params) -> Learner:
    """A learner that has not yet taken a step."""
    return Learner(params=params, opt_state=optimizer(1e-8).init(params))


def apply_gradients(
    optimizer: Optimizer, learner: Learner, gradients: Params, hyper: OptimizerNumbers
) -> OptimizerStep:
    """One step of an optimiser after clipping by the global norm (``max_grad_norm`` inf: no clipping)."""
    clipped = clip_by_global_norm(gradients, hyper.max_grad_norm)
    direction, opt_state = optimizer(hyper.adam_epsilon).update(clipped, learner.opt_state, learner.params)
    params = optax.apply_updates(learner.params, optax.tree.scale(-hyper.learning_rate, direction))
    return OptimizerStep(learner._replace(params=params, opt_state=opt_state), optax.tree.norm(gradients))


@jax.custom_jvp
def clip_by_global_norm(gradients: Params, limit: Number) -> Params:
    """Optax's clipping, with a derivative where optax's has none: without a limit, and where all gradients are 0."""
    clip = optax.clip_by_global_norm(limit)
    return clip.update(gradients, clip.init(gradients))[0]


@clip_by_global_norm.defjvp
def _clip_by_global_norm_jvp(primals: tuple[Params, Number], tangents: tuple[Params, Number]) -> tuple[Params, Params]:
    def clip(gradients: Params, limit: Number) -> Params:
        squares = optax.tree.norm(gradients, squared=True)
        within = jnp.sqrt(squares) < limit
        # Neither a square root at 0 nor an infinite factor is differentiated, not even in the branch not taken.
        factor = jnp.where(within, 1, limit) / jnp.sqrt(jnp.where(within, 1, squares))
        return jax.tree.map(lambda leaf: leaf * factor, gradients)

    return clip_by_global_norm(*primals), jax.jvp(clip, primals, tangents)[1]
