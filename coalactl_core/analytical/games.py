"""Two memory-one players of an endless, discounted matrix game: exact distribution over outcomes, returns, gradients.

A policy has five numbers: of cooperating at the start and after CC, CD, DC and DD, own action first (§4, App. C). The
paper's 4x4 linear system (Eq. 15-16) for the discounted distribution over outcomes is reduced to three unknowns, since
the distribution sums to one: the probabilities that the first player, the second, and both cooperate. Returns here are
normalised by (1 - γ), in rewards per step; the paper's J is that over (1 - γ).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Scalar = Float[Array, ""]
Five = tuple[Scalar, ...]
Three = tuple[Scalar, Scalar, Scalar]
Four = tuple[Scalar, Scalar, Scalar, Scalar]
Matrix = tuple[Three, Three, Three]


class RepeatedGame(NamedTuple):
    """A symmetric game: own payoff by own action (row) and the other's (column), 0 cooperates; the discount γ."""

    payoffs: Float[Array, "2 2"]
    discount: Float[Array, ""]


def normalized_returns(
    first: Float[Array, "5"], second: Float[Array, "5"], game: RepeatedGame
) -> Float[Array, "players"]:
    """Both players' (1 - γ) J for two policies given as logits (Eq. 15-16)."""
    return returns_of_outcomes(occupancy(first, second, game), game)


def occupancy(first: Float[Array, "5"], second: Float[Array, "5"], game: RepeatedGame) -> Float[Array, "4"]:
    """Discounted distribution over the outcomes CC, CD, DC, DD, the first player's action first; sums to one."""
    return occupancy_of(jax.nn.sigmoid(first), jax.nn.sigmoid(second), game)


def returns_of_outcomes(outcomes: Float[Array, "4"], game: RepeatedGame) -> Float[Array, "players"]:
    """Both players' rewards per step under a distribution over outcomes."""
    return jnp.stack([outcomes @ game.payoffs.reshape(4), outcomes @ game.payoffs.T.reshape(4)])


def occupancy_of(first: Float[Array, "5"], second: Float[Array, "5"], game: RepeatedGame) -> Float[Array, "4"]:
    """:func:`occupancy` of policies given as probabilities of cooperating."""
    solution = _solve(*_system(tuple(first), mirrored(tuple(second)), game.discount))
    return jnp.stack(_outcomes(*solution))


def own_gradient(own: Five, other: Five, game: RepeatedGame) -> Five:
    """Derivative of a player's normalised return by its own probabilities of cooperating."""
    return outcomes_and_gradient(own, other, game)[1]


def outcomes_and_gradient(own: Five, other: Five, game: RepeatedGame) -> tuple[Four, Five]:
    """The distribution over outcomes, own action first, and :func:`own_gradient`, of which it is a part.

    With A y = b for the three unknowns and the return linear in y, the gradient is λᵀ(db - dA y) with Aᵀλ = the
    return's coefficients: one more solve, and no differentiation. A probability enters the equation of its player's
    cooperation and that of both cooperating, with the weight of the state in which it counts.
    """
    discount, theirs = game.discount, mirrored(other)
    matrix, constants = _system(own, theirs, discount)
    outcomes = _outcomes(*_solve(matrix, constants))
    cc, cd, dc, dd = game.payoffs.reshape(4)
    alone, _, both = _solve(_transposed(matrix), (cd - dd, dc - dd, cc - cd - dc + dd))
    weights = (1 - discount, *(discount * outcome for outcome in outcomes))
    return outcomes, tuple(weight * (alone + both * answer) for weight, answer in zip(weights, theirs, strict=True))


def mirrored(policy: Five) -> Five:
    """The other player's policy by the outcomes as one sees them oneself: after CD and DC it sees DC and CD."""
    start, cc, cd, dc, dd = policy
    return start, cc, dc, cd, dd


def _system(own: tuple[Scalar, ...], other: tuple[Scalar, ...], discount: Scalar) -> tuple[Matrix, Three]:
    """The equations for P(own C), P(other C) and P(both C); ``other`` goes by the outcomes as the first sees them."""

    def equation(policy: tuple[Scalar, ...]) -> tuple[Three, Scalar]:
        start, cc, cd, dc, dd = policy
        row = (-discount * (cd - dd), -discount * (dc - dd), -discount * (cc - cd - dc + dd))
        return row, (1 - discount) * start + discount * dd

    mine, yours = equation(own), equation(other)
    both = equation(tuple(one * two for one, two in zip(own, other, strict=True)))
    (a, b, c), (d, e, f), (g, h, i) = mine[0], yours[0], both[0]
    return ((1 + a, b, c), (d, 1 + e, f), (g, h, 1 + i)), (mine[1], yours[1], both[1])


def _outcomes(own: Scalar, other: Scalar, both: Scalar) -> Four:
    return both, own - both, other - both, 1 - own - other + both


@jax.custom_jvp
def _solve(matrix: Matrix, constants: Three) -> Three:
    """The solution of three linear equations, by cofactors: plain arithmetic that fuses under ``vmap``."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    first, second, third = e * i - f * h, f * g - d * i, d * h - e * g
    inverse = 1 / (a * first + b * second + c * third)
    x, y, z = (constant * inverse for constant in constants)
    return (
        first * x + (c * h - b * i) * y + (b * f - c * e) * z,
        second * x + (a * i - c * g) * y + (c * d - a * f) * z,
        third * x + (b * g - a * h) * y + (a * e - b * d) * z,
    )


@_solve.defjvp
def _solve_jvp(primals: tuple[Matrix, Three], tangents: tuple[Matrix, Three]) -> tuple[Three, Three]:
    """A dy = db - dA y: one more solve with the same matrix, instead of the derivative of every cofactor."""
    (matrix, constants), (d_matrix, d_constants) = primals, tangents
    x, y, z = solution = _solve(matrix, constants)
    moved = [
        constant - row[0] * x - row[1] * y - row[2] * z for row, constant in zip(d_matrix, d_constants, strict=True)
    ]
    return solution, _solve(matrix, (moved[0], moved[1], moved[2]))


def _transposed(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return (a, d, g), (b, e, h), (c, f, i)
