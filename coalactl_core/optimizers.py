"""Optimisers through optax, built anew in each step from traced numbers."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import optax

from coalactl_core.types import Learner, Params


@runtime_checkable
class OptimizerNumbers(Protocol):
    """The hyperparameters that an optimiser needs; those of meta and of naive agents have them."""

    @property
    def adam_epsilon(self) -> Any:
        """ε of Adam; unused by SGD."""

    @property
    def learning_rate(self) -> Any:
        """Step size."""

    @property
    def max_grad_norm(self) -> Any:
        """Largest global norm that is left as it is."""


class OptimizerStep(NamedTuple):
    """A learner after one step, and the gradient's global norm before clipping."""

    learner: Learner
    grad_norm: Any


def fresh_learner(name: str, params: Params) -> Learner:
    """A learner that has not yet taken a step."""
    return Learner(params=params, opt_state=_direction(name, 1e-8).init(params))


def apply_gradients(name: str, learner: Learner, gradients: Params, hyper: OptimizerNumbers) -> OptimizerStep:
    """One step of "adam" or "sgd" after clipping by the global norm (``max_grad_norm`` inf: no clipping)."""
    clip = optax.clip_by_global_norm(hyper.max_grad_norm)
    clipped, _ = clip.update(gradients, clip.init(gradients))
    updates, opt_state = _direction(name, hyper.adam_epsilon).update(clipped, learner.opt_state)
    updates = optax.tree.scale(-hyper.learning_rate, updates)
    params = optax.apply_updates(learner.params, updates)
    return OptimizerStep(Learner(params=params, opt_state=opt_state), optax.tree.norm(gradients))


def _direction(name: str, adam_epsilon: Any) -> optax.GradientTransformation:
    if name == "adam":
        return optax.scale_by_adam(eps=adam_epsilon)
    return optax.identity()
