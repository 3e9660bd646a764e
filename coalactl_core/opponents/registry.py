"""Naive co-players by name, ``naive.algorithm``."""

from __future__ import annotations

from collections.abc import Sequence

from coalactl_core.configuration.learning import NaiveLearners
from coalactl_core.contracts import Part, described
from coalactl_core.coplayers import ALGORITHMS, find_algorithm
from coalactl_core.envs.base import Environment
from coalactl_core.errors import ConfigurationError
from coalactl_core.nets.policy import Policy
from coalactl_core.opponents.contract import check_coplayer
from coalactl_core.opponents.seam import Builder, Coplayer, CoplayerSetting
from coalactl_core.plugins import load_named


def build_coplayers(groups: Sequence[NaiveLearners], policy: Policy, environment: Environment) -> tuple[Coplayer, ...]:
    """How each group of naive agents learns; those that differ in numbers alone have one co-player.

    Raises:
        ConfigurationError: as :func:`build_coplayer` does, with the group where there are several.
    """
    built: dict[object, Coplayer] = {}
    for index, (_, config) in enumerate(groups):
        try:
            if config.static_choices not in built:
                built[config.static_choices] = build_coplayer(CoplayerSetting(config, policy, environment))
        except ConfigurationError as error:
            if len(groups) == 1:
                raise
            raise ConfigurationError(f"population.naive.{index}: {error}") from error
    return tuple(built[config.static_choices] for _, config in groups)


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
