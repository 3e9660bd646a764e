"""``--init-from``: a new run that starts at the trained parameters of another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from coalactl.configuration import validate
from coalactl.errors import ExitCode, UserError
from coalactl.runs.checkpoints import restore
from coalactl.runs.directory import RunDirectory
from coalactl.training.store import lane
from coalactl_core.training import Engine, build_engine
from coalactl_core.types import TrainState


def initial_parameters(source: Path, engine: Engine, state: TrainState) -> TrainState:
    """The state with the meta agents of another run's newest checkpoint; one agent may become several.

    Raises :class:`UserError`: the networks differ, or the numbers of agents do.
    """
    run = RunDirectory.open(source)
    other = build_engine(validate(run.read_config(), file=str(run.config_file)))
    _, restored = restore(run, other.run_template)
    fresh = engine.summary(state).parameters
    given = jax.tree.map(jnp.asarray, _parameters(other, restored))
    if jax.tree.structure(given) != jax.tree.structure(fresh):  # type: ignore[operator]
        raise _misfit(source, "another kind of network")

    def fit(theirs: jax.Array, ours: Any) -> jax.Array:
        if theirs.shape[1:] != ours.shape[2:]:
            raise _misfit(source, f"a network of other sizes ({theirs.shape[1:]}, here {ours.shape[2:]})")
        if theirs.shape[0] not in (1, ours.shape[1]):
            raise _misfit(source, f"{theirs.shape[0]} meta agents (here {ours.shape[1]})")
        return jnp.broadcast_to(theirs, ours.shape)

    return engine.with_parameters(state, jax.tree.map(fit, given, fresh))


def _parameters(engine: Engine, run_state: TrainState) -> Any:
    """The parameters of one run, leading with agents."""
    runs = jax.tree.map(lambda leaf: leaf[None], run_state)
    return lane(engine.summary(runs).parameters, 0)


def _misfit(source: Path, what: str) -> UserError:
    return UserError(f"--init-from {source}: it has {what}", ExitCode.DAMAGED)
