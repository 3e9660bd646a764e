"""Naive co-players by name, ``naive.algorithm``."""

from __future__ import annotations

from coalactl_core.contracts import Part, described
from coalactl_core.coplayers import ALGORITHMS, find_algorithm
from coalactl_core.opponents.contract import check_coplayer
from coalactl_core.opponents.seam import Builder, Coplayer, CoplayerSetting
from coalactl_core.plugins import load_named


def build_coplayer(setting: CoplayerSetting) -> Coplayer:
    """The co-player that ``naive.algorithm`` names.

    Raises:
        ConfigurationError: it is unknown, cannot be loaded, or refuses the setting.
    """
    name = setting.config.algorithm
    builder: Builder = load_named("naive.algorithm", find_algorithm(name).build)
    if name in ALGORITHMS:
        return builder(setting)
    part = Part("naive.algorithm", name, getattr(builder, "__module__", None) or "")
    coplayer = part.plain("its builder", lambda: builder(setting))
    part.require(
        isinstance(coplayer, Coplayer), "its builder", described(coplayer), "a coalactl_core.opponents.seam.Coplayer"
    )
    check_coplayer(part, coplayer, setting)
    return coplayer
