"""A family of behaviours in CleanUp-lite as one policy, whose parameters say which: for cleanup_headroom.py.

Each walks to the nearest apple, or in the part of an inner episode in which it is to clean to the nearest dirt.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from coalactl_core.envs.cleanup_lite import DOWN, LEFT, NOOP, RIGHT, UP, ZAP, CleanUpLite
from coalactl_core.nets.policy import Policy, PolicyOutput, as_sequences_of_one

_SURE = 20.0
_MEMORY = 0.9


class Behaviour(NamedTuple):
    """What a player does in the inner episodes ``begins`` to ``ends``; in the others it harvests alone.

    ``share``: of each inner episode it cleans, from its start on. ``least``: only where so many patches are dirty.
    ``answers``: only while the other is at the river in so large a share of the last ten steps. ``zaps``: whom it is
    near to, while that is at the river less than this. ``turns``: in every second inner episode alone.
    ``punishes``: whether it zaps in all inner episodes.
    """

    share: float = 0.0
    least: float = 1.0
    answers: float = 0.0
    zaps: float = 0.0
    turns: float = 0.0
    begins: float = 0.0
    ends: float = 1e6
    punishes: float = 0.0


class _Carry(NamedTuple):
    step: Array
    at_river: Array


def _named() -> dict[str, Behaviour]:
    found = {"harvest": Behaviour(), "harvest, zap the idle": Behaviour(zaps=0.3), "harvest, zap": Behaviour(zaps=2.0)}
    for least in (1, 2, 3):
        for share in (0.25, 0.5, 1.0):
            found[f"clean {share:g} from {least} patches"] = Behaviour(share=share, least=least)
        found[f"clean in turns from {least} patches"] = Behaviour(share=1.0, least=least, turns=1.0)
        for answers in (0.1, 0.3, 0.6):
            found[f"clean from {least} patches while the other does {answers:g}"] = Behaviour(1.0, least, answers)
        for zaps in (0.1, 0.3, 0.6):
            found[f"clean from {least} patches, zap the idle {zaps:g}"] = Behaviour(1.0, least, zaps=zaps)
        for ends in (1, 2, 5, 10, 20, 50):
            found[f"clean from {least} patches up to {ends}, then harvest"] = Behaviour(1.0, least, ends=ends)
            found[f"clean from {least} patches and zap the idle up to {ends}, then harvest"] = Behaviour(
                1.0, least, zaps=0.3, ends=ends
            )
            found[f"harvest up to {ends}, then clean from {least} patches"] = Behaviour(1.0, least, begins=ends)
    for zaps in (0.1, 0.3, 0.6):
        found[f"harvest, always zap the idle {zaps:g}"] = Behaviour(zaps=zaps, punishes=1.0)
        for ends in (2, 5, 10, 20, 50):
            found[f"zap the idle {zaps:g} up to {ends}, then harvest"] = Behaviour(zaps=zaps, ends=ends)
    return found


BEHAVIOURS = {name: jnp.asarray(behaviour, jnp.float32) for name, behaviour in _named().items()}


def behaviour_policy(environment: CleanUpLite) -> Policy:
    """The policy that plays a behaviour, as a vector, by features of observations."""
    rows, columns, length = environment.rows, environment.columns, environment.episode_length
    cells = rows * columns

    def initial_carry() -> _Carry:
        return _Carry(jnp.int32(0), jnp.float32(0.0))

    def act(params: Array, seen: Array, carry: _Carry) -> tuple[PolicyOutput, _Carry]:
        behaviour = Behaviour(*params)
        mine, other = (jnp.argmax(seen[start : start + cells]) for start in (0, cells))
        objects = seen[2 * cells : 5 * cells].reshape(rows, columns, 3)
        row, column = mine // columns, mine % columns
        other_row, other_column = other // columns, other % columns
        dirty, borne = objects[:, -1, 1] > 0, objects[:, 0, 0] > 0
        inner_episode, step = carry.step // length, carry.step % length
        at_river = _MEMORY * jnp.where(step == 0, 1.0, carry.at_river) + (1 - _MEMORY) * (other_column == columns - 1)
        active = (inner_episode >= behaviour.begins) & (inner_episode < behaviour.ends)
        cleans = active & (step < behaviour.share * length) & (dirty.sum() >= behaviour.least)
        cleans &= (at_river >= behaviour.answers) & ((behaviour.turns == 0) | (inner_episode % 2 == 0))
        cleans &= dirty.any()
        there = jnp.where(cleans, dirty, borne)
        distance = jnp.where(there, jnp.abs(jnp.arange(rows) - row), rows)
        goal_row = jnp.where(there.any(), jnp.argmin(distance), row)
        goal_column = jnp.where(cleans, columns - 1, 0)
        near = jnp.abs(row - other_row) + jnp.abs(column - other_column) <= environment.zap_range
        zaps = near & (seen[-1] == 0) & (at_river < behaviour.zaps) & (active | (behaviour.punishes > 0))
        move = jnp.where(
            column != goal_column,
            jnp.where(column < goal_column, RIGHT, LEFT),
            jnp.where(row < goal_row, DOWN, jnp.where(row > goal_row, UP, NOOP)),
        )
        action = jnp.where(zaps, ZAP, move)
        output = PolicyOutput(_SURE * jax.nn.one_hot(action, environment.num_actions), jnp.float32(0.0))
        return output, _Carry(carry.step + 1, at_river)

    def unroll(params: Array, seen: Array, carry: _Carry, resets: Array | None) -> tuple[PolicyOutput, _Carry]:
        del resets  # Behaviours are played, and never learn.

        def step(carry: _Carry, seen: Array) -> tuple[_Carry, PolicyOutput]:
            output, carry = act(params, seen, carry)
            return carry, output

        carry, outputs = jax.lax.scan(step, carry, seen)
        return outputs, carry

    return Policy(
        init=lambda _: BEHAVIOURS["harvest"],
        initial_carry=initial_carry,
        step=as_sequences_of_one(unroll),
        unroll=unroll,
    )
