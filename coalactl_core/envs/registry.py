"""From the ``[environment]`` table to an environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coalactl_core.configuration.environments import PluginEnvironmentConfig
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.contracts import Part
from coalactl_core.envs.base import Environment
from coalactl_core.envs.contract import check_environment
from coalactl_core.envs.from_jaxmarl import PREFIX, environment_from_jaxmarl
from coalactl_core.errors import ConfigurationError, first_line
from coalactl_core.games import GAMES
from coalactl_core.plugins import load_plugin

GROUP = "coalactl.environments"
_PARTS = ("observation_size", "num_actions", "episode_length", "reset", "step", "observe", "describe")


def build_environment(experiment: SequenceExperiment) -> Environment:
    """The environment of an experiment.

    Raises:
        ConfigurationError: the environment is unknown, refuses its keys, or does not give what an environment must.
    """
    config, length = experiment.environment, experiment.rollout.inner_episode_length
    if not isinstance(config, PluginEnvironmentConfig):
        build = load_plugin("environment.name", GAMES[config.name].build, group=GROUP, builtin=GAMES)
        game: Environment = build(config, episode_length=length)
        return game
    keys = config.model_extra or {}
    if config.name.startswith(PREFIX):
        environment: Environment = environment_from_jaxmarl(config.name, episode_length=length, keys=keys)
    else:
        environment = _environment_of_another_package(config.name, episode_length=length, keys=keys)
    part = Part("environment.name", config.name, type(environment).__module__)
    check_environment(part, environment, length)
    return environment


def _environment_of_another_package(name: str, *, episode_length: int, keys: Mapping[str, Any]) -> Environment:
    factory = load_plugin("environment.name", name, group=GROUP, builtin=GAMES)
    try:
        environment = factory(episode_length=episode_length, **keys)
    except Exception as error:  # A constructor of another package: how it refuses a key is its own affair.
        raise ConfigurationError(f"environment: {name!r} refuses its keys: {first_line(error)}") from error
    missing = [part for part in _PARTS if not (hasattr(type(environment), part) or hasattr(environment, part))]
    if missing:
        raise ConfigurationError(f"environment.name: {name!r} has no {', '.join(missing)}; an environment has them all")
    return environment
