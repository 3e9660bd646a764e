"""From the ``[environment]`` table to an environment."""

from __future__ import annotations

from coalactl_core.config import ConfigurationError, SequenceExperiment
from coalactl_core.config_environments import ENVIRONMENTS, CleanUpLiteConfig, MatrixGameConfig
from coalactl_core.envs.base import Environment
from coalactl_core.envs.cleanup_lite import CleanUpLite
from coalactl_core.envs.from_jaxmarl import PREFIX, environment_from_jaxmarl
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.plugins import load_plugin


def build_environment(experiment: SequenceExperiment) -> Environment:
    """The environment of an experiment.

    Raises:
        ConfigurationError: the environment is unknown, refuses its keys, or is not an environment.
    """
    config, length = experiment.environment, experiment.rollout.inner_episode_length
    if isinstance(config, MatrixGameConfig):
        recalls = config.boundary == "last-joint-action"
        return MatrixGame(payoffs=config.payoffs, episode_length=length, recalls=recalls)
    if isinstance(config, CleanUpLiteConfig):
        return CleanUpLite(episode_length=length, **config.model_dump(exclude={"name"}))
    if config.name.startswith(PREFIX):
        return environment_from_jaxmarl(config.name, episode_length=length, keys=config.model_extra or {})
    factory = load_plugin("environment.name", config.name, group="coalactl.environments", builtin=ENVIRONMENTS)
    try:
        environment = factory(episode_length=length, **(config.model_extra or {}))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"environment: {config.name!r} refuses its keys: {error}") from error
    if not isinstance(environment, Environment):
        raise ConfigurationError(f"environment.name: {config.name!r} lacks a part of the environment protocol")
    return environment
