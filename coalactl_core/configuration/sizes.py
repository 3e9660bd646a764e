"""How large everything is: the tables ``[network]``, ``[rollout]`` and ``[run]``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from coalactl_core.configuration.numbers import Few, Section, Size

# Iterations are counted in 32 bits.
Iterations = Annotated[int, Field(ge=1, lt=2**31)]


# Keys that not every network of this project reads; those of other packages may read any.
_OWN_KEYS = {
    "hawk": ("inputs", "heads", "depth", "mlp_width"),
    "gru": ("inputs", "embedding"),
    "sequence-model": ("embedding",),
}


class NetworkConfig(Section):
    """The recurrent policy (App. B.3); the same for meta and naive agents.

    ``inputs``: what it takes of each step, the observation alone, or beside it the own last action, one-hot, and the
    own last reward, in the environment's scale; 0 where there was none.
    """

    name: str = "hawk"
    inputs: Literal["observation", "observation-action-reward"] = "observation"
    width: Size = 32
    heads: Size = 2
    depth: Few = 1
    mlp_width: Size = 32
    embedding: Size = 32

    @model_validator(mode="after")
    def _keys_are_read(self) -> NetworkConfig:
        unread = {key for keys in _OWN_KEYS.values() for key in keys if key not in _OWN_KEYS.get(self.name, (key,))}
        for key in sorted(unread):
            usual = type(self).model_fields[key].default
            if getattr(self, key) != usual:
                readers = " and ".join(repr(name) for name, keys in _OWN_KEYS.items() if key in keys)
                raise ValueError(f"network.{key}: {self.name!r} has no use for it, but {readers}; leave it at {usual}")
        return self

    @model_validator(mode="after")
    def _heads_divide_width(self) -> NetworkConfig:
        if "heads" in _OWN_KEYS.get(self.name, ("heads",)) and self.width % self.heads:
            raise ValueError(f"network.heads: {self.heads} does not divide network.width {self.width}")
        return self


class RolloutConfig(Section):
    """Sizes of one training iteration (Tables 2 and 5)."""

    meta_batch_size: Size = 128
    batch_size: Size = 16
    inner_episodes: Size = 20
    inner_episode_length: Size = 10

    @property
    def steps(self) -> int:
        """Steps of one meta-trajectory, M·T."""
        return self.inner_episodes * self.inner_episode_length


class RunConfig(Section):
    """Length, seed and bookkeeping of a run."""

    iterations: Iterations = 3000
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    log_every: Iterations = 1
    checkpoint_every: Iterations = 100
    keep: Annotated[int, Field(ge=2, lt=2**31)] = 2
