"""Zero-determinant extortion (Eq. 18; Press & Dyson 2012): its policies, their valid range, and how close others are.

An extortioner enforces own surplus = χ · the other's surplus over mutual defection in an undiscounted game, whatever
the other does. With payoffs T > R > P > S, in (φ, ψ = φχ) its four probabilities after CC, CD, DC and DD are linear.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coalactl_core.games import Payoffs
from coalactl_core.measures import extortion_in

# A fit goes no further: beyond, the policies hardly differ.
LARGEST_CHI = 1000.0


class Extortion(NamedTuple):
    """The extortion policy that is closest to given probabilities, and the mean squared error over the four states."""

    chi: Float[Array, ""]
    phi: Float[Array, ""]
    error: Float[Array, ""]


def extortion_policy(chi: Float[Array, ""], phi: Float[Array, ""], payoffs: Float[Array, "2 2"]) -> Float[Array, "4"]:
    """Probabilities of cooperating after CC, CD, DC and DD (Eq. 18), for χ ≥ 1 and 0 < φ ≤ :func:`largest_phi`."""
    matrix, offset = _linear(payoffs)
    return matrix @ jnp.stack([phi, phi * chi]) + offset


def largest_phi(chi: Float[Array, ""], payoffs: Float[Array, "2 2"]) -> Float[Array, ""]:
    """Above it Eq. 18 gives no probabilities: (P - S) / ((P - S) + χ (T - P)); at χ = 1 it is tit-for-tat.

    The printed bound keeps p2 from below 0. Where P - S > T - P, which the paper's payoffs avoid by equality, p3 would
    be above 1 there, and the bound is (P - S) / ((T - P) + χ (P - S)).
    """
    (_, sucker), (temptation, punishment) = payoffs
    lost, gained = punishment - sucker, temptation - punishment
    return lost / jnp.maximum(lost + chi * gained, gained + chi * lost)


def fit_extortion(cooperation: Float[Array, "4"], payoffs: Float[Array, "2 2"]) -> Extortion:
    """The least-squares fit of (χ, φ) over the whole valid range, up to χ = :data:`LARGEST_CHI`; NaN in other games.

    In (φ, φχ) the range is a triangle and the problem linear: its optimum is the unconstrained one where that is
    inside, else the best point of an edge.
    """
    matrix, offset = _linear(payoffs)
    wanted = cooperation - offset
    ones = jnp.ones((), cooperation.dtype)
    corners = [jnp.zeros(2, cooperation.dtype)]
    corners += [largest_phi(chi, payoffs) * jnp.stack([ones, chi]) for chi in (ones, LARGEST_CHI * ones)]
    points = [_inside_or_corner(_least_squares(matrix, wanted), corners)]
    for start, end in ((0, 1), (1, 2), (2, 0)):
        points.append(_on_edge(matrix, wanted, corners[start], corners[end]))
    candidates = jnp.stack(points)
    errors = jnp.mean(jnp.square(candidates @ matrix.T - wanted), axis=-1)
    best = jnp.argmin(errors)
    phi, psi = candidates[best]
    (reward, sucker), (temptation, punishment) = payoffs
    is_dilemma = (temptation > reward) & (reward > punishment) & (punishment > sucker)
    chi = jnp.where(phi > 0, psi / jnp.where(phi > 0, phi, 1), LARGEST_CHI)
    return Extortion(*(jnp.where(is_dilemma, value, jnp.nan) for value in (chi, phi, errors[best])))


def _linear(payoffs: Float[Array, "2 2"]) -> tuple[Float[Array, "4 2"], Float[Array, "4"]]:
    """Eq. 18 as p = matrix @ (φ, φχ) + offset."""
    (reward, sucker), (temptation, punishment) = payoffs
    lost = punishment - sucker
    cooperation, temptation = (reward - punishment) / lost, (temptation - punishment) / lost
    one, zero = jnp.ones_like(lost), jnp.zeros_like(lost)
    rows = [[cooperation, -cooperation], [-one, -temptation], [temptation, one], [zero, zero]]
    return jnp.stack([jnp.stack(row) for row in rows]), jnp.stack([one, one, zero, zero])


def extortion_of(cooperation: Float[Array, "4"], payoffs: Payoffs) -> dict[str, float]:
    """χ, φ and mean squared error of the closest extortion policy (Eq. 18), by column; NaN where it is no dilemma."""
    fit = jax.jit(fit_extortion)(cooperation, jnp.asarray(payoffs, cooperation.dtype))
    return {extortion_in(name): float(value) for name, value in fit._asdict().items()}


def _least_squares(matrix: Float[Array, "4 2"], wanted: Float[Array, "4"]) -> Float[Array, "2"]:
    (a, b), (_, d) = matrix.T @ matrix
    x, y = matrix.T @ wanted
    return jnp.stack([d * x - b * y, a * y - b * x]) / (a * d - b * b)


def _inside_or_corner(point: Float[Array, "2"], corners: list[Float[Array, "2"]]) -> Float[Array, "2"]:
    def side(start: Float[Array, "2"], end: Float[Array, "2"]) -> Float[Array, ""]:
        along, to = end - start, point - start
        return along[0] * to[1] - along[1] * to[0]

    sides = jnp.stack([side(corners[start], corners[end]) for start, end in ((0, 1), (1, 2), (2, 0))])
    inside = jnp.all(sides >= 0) | jnp.all(sides <= 0)
    return jnp.where(inside, point, corners[1])


def _on_edge(
    matrix: Float[Array, "4 2"], wanted: Float[Array, "4"], start: Float[Array, "2"], end: Float[Array, "2"]
) -> Float[Array, "2"]:
    along = matrix @ (end - start)
    share = jnp.clip(along @ (wanted - matrix @ start) / (along @ along), 0, 1)
    return start + share * (end - start)
