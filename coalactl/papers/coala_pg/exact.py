"""What the exhibits of the exact game (Figs. 3, 4, 8, 9, 10) have in common: criteria, words, and the path of a pair.

Exact play cooperates from 0.9 on, where sampled play does from 0.5 on; it defects below 0.1.
"""

from __future__ import annotations

from coalactl.report.checks import Source, final, minus
from coalactl.report.exact_curves import curve_in
from coalactl.report.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY, Line, Panel
from coalactl.report.roles import Case
from coalactl_core.measures import cooperation_in

COOPERATES_EXACTLY = 0.9

AMONG_META = final("reward_vs_meta")
ADVANTAGE = minus(final("reward_vs_naive"), final("coplayer_reward_vs_naive"))
LEAD = "reward against naive learners less theirs"
META = "reward among meta agents"
REWARD = "reward per step"
ITERATION = "training iteration"

_STATES = {
    "cc": (BLUE, "-"),
    "cd": (GREEN, "--"),
    "dc": (ORANGE, "-"),
    "dd": (PINK, "-."),
    "start": (GREY, ":"),  # Over the others, with which it may coincide.
}


def source(role: str) -> Source:
    """The runs of a role, each of which has one method."""
    return Source(role, "lola-dice" if role.startswith("analytical-lola") else "shaping")


def path_of(case: Case, role: str) -> list[Panel]:
    """Rewards, and what the policy does in each state, over training."""
    rewards = [
        *curve_in(case, role, "reward_vs_meta", "among meta agents", BLACK),
        *curve_in(case, role, "reward_vs_naive", "against naive learners", SKY, "--"),
    ]
    states: list[Line] = []
    for state, (colour, dashes) in _STATES.items():
        states += curve_in(
            case,
            role,
            cooperation_in(state),
            "start" if state == "start" else state.upper(),
            colour,
            dashes,
        )
    return [
        Panel("rewards", ITERATION, REWARD, tuple(rewards)),
        Panel("policy", ITERATION, "cooperation after", tuple(states)),
    ]
