"""How naive co-players learn, by name: where each algorithm's code is, and what it reads. Imports no JAX, no pydantic.

Configuration, command line and reports read this table. Another package adds a row by an entry point of the group
``coalactl.coplayers`` whose object is an :class:`Algorithm`, or is named as ``module:Name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from coalactl_core.plugins import Registry

# The paper's (App. B.2, Table 8).
A2C = "a2c"


class Algorithm(NamedTuple):
    """A way of learning between inner episodes.

    ``build`` is written ``module:Name``: a builder, which takes a ``CoplayerSetting`` and gives a ``Coplayer``
    (``opponents/seam.py``). ``keys`` are those of ``[naive]`` that it reads and not every algorithm does.
    ``trains_policy``: whether what learns are the parameters of the naive agent's policy; otherwise it has something of
    its own, new in each meta-episode, and no start from other parameters means anything to it.
    """

    build: str
    label: str
    summary: str = ""
    keys: tuple[str, ...] = ()
    trains_policy: bool = True


ALGORITHMS: Mapping[str, Algorithm] = {
    A2C: Algorithm(
        "coalactl_core.opponents.a2c:build", "A2C", "one step with advantages of a critic, as in the paper (Table 8)"
    ),
    "ppo": Algorithm(
        "coalactl_core.opponents.ppo:build", "PPO", "steps on the clipped surrogate", keys=("epochs", "clip")
    ),
    "reinforce": Algorithm(
        "coalactl_core.opponents.reinforce:build", "REINFORCE", "one step on returns to go", keys=("baseline",)
    ),
    "q-learning": Algorithm(
        "coalactl_core.opponents.q_learning:build",
        "Q-learning",
        "passes over a table of action values",
        keys=("epochs", "exploration"),
        trains_policy=False,
    ),
}

_KNOWN = Registry(ALGORITHMS, Algorithm, "naive.algorithm", "coalactl.coplayers")
algorithm_names, check_algorithm, find_algorithm = _KNOWN.names, _KNOWN.check, _KNOWN.find
