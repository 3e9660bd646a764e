"""What the engine relies on of a policy of another package, checked before anything is played."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from coalactl_core.contracts import Part, described

# Steps of the sequence that the policy is tried on.
_STEPS = 3


def check_policy(part: Part, policy: Any, *, observation_size: int, num_actions: int) -> None:
    """Calls every function on shapes and types alone.

    Raises:
        ConfigurationError: one of them fails or gives something else than a policy must.
    """
    params = part.traced("init", policy.init, jax.random.key(0))
    kinds = {leaf.dtype for leaf in jax.tree.leaves(params)}
    one = len(kinds) == 1 and jnp.issubdtype(next(iter(kinds)), jnp.floating)
    part.require(one, "init", f"parameters of {', '.join(sorted(map(str, kinds))) or 'no type'}", "floats of one type")
    carry = part.traced("initial_carry", policy.initial_carry)
    prepared = part.traced("prepare", lambda params: policy.prepare(params, _STEPS), params)
    seen = jax.ShapeDtypeStruct((_STEPS, observation_size), jnp.asarray(0.0).dtype)
    first = jax.ShapeDtypeStruct(seen.shape[1:], seen.dtype)
    acted = part.traced("step", policy.step, prepared, first, carry)
    _check_output(part, "step", acted, carry, num_actions, lead=())
    for resets in (None, jax.ShapeDtypeStruct((_STEPS,), jnp.bool_)):
        learnt = part.traced("unroll", policy.unroll, prepared, seen, carry, resets)
        _check_output(part, "unroll", learnt, carry, num_actions, lead=(_STEPS,))


def _check_output(part: Part, method: str, pair: Any, carry: Any, num_actions: int, lead: tuple[int, ...]) -> None:
    is_pair = isinstance(pair, tuple) and len(pair) == 2 and hasattr(pair[0], "logits") and hasattr(pair[0], "value")
    part.require(is_pair, method, described(pair), "a pair of a PolicyOutput and a memory")
    output, after = pair
    part.require_floats(f"{method}, logits,", output.logits, (*lead, num_actions))
    part.require_floats(f"{method}, value,", output.value, lead)
    part.require_like(f"{method}, memory,", after, carry, "initial_carry")
