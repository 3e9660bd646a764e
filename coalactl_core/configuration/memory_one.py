"""Known memory-one strategies as data: the probability of cooperating (action 0) at the start and after CC, CD, DC, DD.

Own action first. Described in Axelrod (1984), Nowak & Sigmund (1992, 1993) and Press & Dyson (2012). Fixed opponents of
both engines, the named starts of the analytical one and the pool ``classic`` are taken from here. This module imports
no JAX.
"""

from __future__ import annotations

from coalactl_core.games import PRISONERS_DILEMMA, Payoffs

# What a memory-one strategy goes by, in the order of its probabilities.
STATES = ("start", "cc", "cd", "dc", "dd")

Probabilities = tuple[float, float, float, float, float]


def classic(payoffs: Payoffs | None) -> dict[str, Probabilities]:
    """The classic strategies of a matrix game, [[R, S], [T, P]]; the last three in prisoner's dilemmas only.

    ``payoffs``: None where they are not the same for both players.

    Grim defects from the first defection on: it never cooperates but after CC, which does not come back. An inner
    episode hides the one before, so that it starts anew in each.
    """
    strategies: dict[str, Probabilities] = {
        "tit-for-tat": (1, 1, 0, 1, 0),
        "win-stay-lose-shift": (1, 1, 0, 0, 1),
        "always-cooperate": (1, 1, 1, 1, 1),
        "always-defect": (0, 0, 0, 0, 0),
        "grim": (1, 1, 0, 0, 0),
    }
    if payoffs is not None and is_dilemma(payoffs):
        forgiving = generosity(payoffs)
        strategies["generous-tit-for-tat"] = (1, 1, forgiving, 1, forgiving)
        strategies |= {f"extortion-{chi}": extortion(chi, payoffs) for chi in (3, 10)}
    return strategies


def is_dilemma(payoffs: Payoffs) -> bool:
    """Whether a matrix game is a prisoner's dilemma: T > R > P > S."""
    (reward, sucker), (temptation, punishment) = payoffs
    return temptation > reward > punishment > sucker


def generosity(payoffs: Payoffs) -> float:
    """How often tit-for-tat may forgive a defection without being exploited (Nowak & Sigmund 1992)."""
    (reward, sucker), (temptation, punishment) = payoffs
    bounds = 1 - (temptation - reward) / (reward - sucker), (reward - punishment) / (temptation - punishment)
    return max(0.0, min(bounds))


def largest_phi(chi: float, payoffs: Payoffs) -> float:
    """The largest φ at which Eq. 18 gives probabilities."""
    (_, sucker), (temptation, punishment) = payoffs
    lost, gained = punishment - sucker, temptation - punishment
    return lost / max(lost + chi * gained, gained + chi * lost)


def extortion(chi: float, payoffs: Payoffs, phi: float | None = None) -> Probabilities:
    """Zero-determinant extortion (Eq. 18), by default at the largest φ; χ = 1 is tit-for-tat then. It starts with C."""
    (reward, sucker), (temptation, punishment) = payoffs
    lost, gained = punishment - sucker, temptation - punishment
    phi = largest_phi(chi, payoffs) if phi is None else phi
    after_cc = 1 - phi * (chi - 1) * (reward - punishment) / lost
    after_cd = 1 - phi * (1 + chi * gained / lost)
    return 1, after_cc, max(0.0, after_cd), min(1.0, phi * (chi + gained / lost)), 0


# Of the paper's game; elsewhere the last three names stand for the same numbers.
MEMORY_ONE = classic(PRISONERS_DILEMMA)
