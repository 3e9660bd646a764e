"""How meta agents learn, by name: words about each method, and where its code is. Imports neither JAX nor pydantic.

Configuration, command line and reports read this table. Another package adds a row by an entry point of the group
``coalactl.methods`` whose object is a :class:`Method`, or is named as ``module:Name``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from coalactl_core.plugins import Registry

Dashes = str | tuple[int, tuple[int, ...]]

CROSSINGS = ("carried", "forgotten", "shared")
"""How a memory crosses from one inner episode to the next: it goes on, starts afresh, or becomes one of the batch."""


class Method(NamedTuple):
    """A method: where its rule is built, what it is called and drawn with, and which settings it has of its own.

    ``rule`` and ``settings`` are written ``module:Name``: a builder, which takes a ``Setting`` and gives a ``Rule``
    (``rules/seam.py``), and the class of the table ``table`` of the configuration, a ``RuleSettings``
    (``configuration/rule_settings.py``). ``colour`` is ``#rrggbb``, ``dashes`` are Matplotlib's. ``crosses_batch``:
    whether its credit crosses the batch, so that it may come from a critic of the batch: its line is another then.
    ``judged_with_critic``: claims on it are judged by runs with that critic, where the setting's preset has it; claims
    on others are on what was printed. ``crossing``: how its agents' memories cross inner episodes, of ``CROSSINGS``,
    so that they can play where nobody learns; "" where its settings or its rule say. ``network``: the one network
    that its agents can have, and that no others have; "" where any will do.
    """

    rule: str
    label: str
    colour: str
    dashes: Dashes = "-"
    critic_colour: str = ""
    critic_dashes: Dashes = "-"
    summary: str = ""
    table: str = ""
    settings: str = ""
    crosses_batch: bool = False
    judged_with_critic: bool = False
    crossing: str = ""
    network: str = ""

    @property
    def is_estimator(self) -> bool:
        """Whether it is a row of the table of estimators, which share one rule."""
        return self.rule == _SCORE_FUNCTION


_SCORE_FUNCTION = "coalactl_core.rules.score_function:build"

# In the order of legends. Okabe & Ito (2008): told apart with any colour vision, and in grey by dashes or lightness.
METHODS: Mapping[str, Method] = {
    "coala-pg": Method(
        rule=_SCORE_FUNCTION,
        label="COALA-PG",
        colour="#0072B2",
        critic_colour="#000000",
        summary="co-agent learning-aware policy gradient (section 3)",
        crosses_batch=True,
        judged_with_critic=True,
        crossing="carried",
    ),
    "batch-unaware": Method(
        rule=_SCORE_FUNCTION,
        label="batch-unaware",
        colour="#009E73",
        dashes="-.",
        summary="the policy gradient of each trajectory by itself (Eq. 6)",
        crossing="carried",
    ),
    "m-fos": Method(
        rule=_SCORE_FUNCTION,
        label="M-FOS",
        colour="#D55E00",
        dashes="--",
        critic_colour="#E69F00",
        critic_dashes=(0, (5, 1, 1, 1, 1, 1)),
        summary="model-free opponent shaping (Eq. 7)",
        crosses_batch=True,
        crossing="carried",
    ),
    "lola-dice": Method(
        rule="coalactl_core.rules.lola:build",
        label="LOLA-DiCE",
        colour="#CC79A7",
        summary="a gradient through the co-player's updates (Eqs. 4 and 21)",
        table="lola",
        settings="coalactl_core.configuration.lola:LolaConfig",
    ),
    "advantage-alignment": Method(
        rule="coalactl_core.rules.advantage_alignment:build",
        label="Advantage Alignment",
        colour="#56B4E9",
        dashes=(0, (3, 1, 1, 1)),
        summary="own past advantages times the co-player's (arXiv:2406.14662)",
        table="alignment",
        settings="coalactl_core.configuration.advantage_alignment:AdvantageAlignmentConfig",
        crossing="carried",
    ),
    "loqa": Method(
        rule="coalactl_core.rules.loqa:build",
        label="LOQA",
        colour="#F0E442",
        dashes=(0, (5, 1)),
        summary="the co-player as a softmax of its action values (arXiv:2405.01035)",
        table="loqa",
        settings="coalactl_core.configuration.loqa:LoqaConfig",
        crossing="carried",
    ),
    "pola": Method(
        rule="coalactl_core.rules.pola:build",
        label="POLA-DiCE",
        colour="#882255",
        dashes=(0, (3, 1, 1, 1, 1, 1)),
        summary="LOLA by proximal steps in what policies do (arXiv:2210.10125)",
        table="pola",
        settings="coalactl_core.configuration.pola:PolaConfig",
    ),
    "reciprocator": Method(
        rule="coalactl_core.rules.reciprocator:build",
        label="Reciprocator",
        colour="#999999",
        dashes=(0, (1, 1)),
        summary="a reward for answering the co-player's influence (arXiv:2406.01641)",
        table="reciprocator",
        settings="coalactl_core.configuration.reciprocator:ReciprocatorConfig",
        crossing="carried",
    ),
    "shaper": Method(
        rule="coalactl_core.rules.shaper:build",
        label="Shaper",
        colour="#999933",
        dashes=(0, (8, 1, 1, 1, 1, 1)),
        summary="a memory shared by the batch, each trajectory's own return (arXiv:2312.12568)",
        crossing="shared",
    ),
    "ppi": Method(
        rule="coalactl_core.rules.ppi:build",
        label="PPI",
        colour="#332288",
        dashes=(0, (1, 1, 4, 1)),
        summary="plans in a sequence model of what was played (arXiv:2602.16301)",
        table="ppi",
        settings="coalactl_core.configuration.ppi:PpiConfig",
        crossing="carried",
        network="sequence-model",
    ),
}


_KNOWN = Registry(METHODS, Method, "meta.method", "coalactl.methods")
method_names, is_method, check_method, find_method = _KNOWN.names, _KNOWN.has, _KNOWN.check, _KNOWN.find


def settings_tables(named: Iterable[str] = ()) -> dict[str, str]:
    """``module:Name`` of the settings by table, of this project's methods and of others that are named."""
    rows = [*METHODS.values(), *(find_method(name) for name in named)]
    return {row.table: row.settings for row in rows if row.table}
