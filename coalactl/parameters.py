"""Parameters of agents by their names in the network, as agent files have them, and as the vectors of engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import coalactl
from coalactl.engines import Engine, sequence_engine
from coalactl.errors import ExitCode, UserError
from coalactl.output import note
from coalactl.runs.agent_file import AGENTS, NAIVE, AgentFile

if TYPE_CHECKING:
    import numpy as np

    from coalactl_core.configuration.experiment import SequenceExperiment
    from coalactl_core.nets.policy import Policy, Unpack

_TYPE = "float32"
# Of a sum that tells parameters from others: what rounding on other machines comes to, and no other draw by chance.
_ROUNDING = 1e-4


def by_name(engine: Engine, state: Any, whose: str, *, without_naive: bool) -> dict[str, np.ndarray]:
    """Of a state without the ``runs`` axis: ``agents/NAME`` lead with the meta agents, ``naive/NAME`` with naive ones.

    Raises :class:`UserError`, which begins with ``whose``, where a network has other numbers than float32.
    """
    import jax
    import numpy as np

    from coalactl.runs.checkpoints import named_leaves

    unpack = jax.jit(jax.vmap(sequence_engine(engine).pieces.unpack))
    groups = {AGENTS: state.meta.params, **({} if without_naive else {NAIVE: state.naive.params})}
    trees = {group: unpack(params) for group, params in groups.items()}
    arrays = {name: np.ascontiguousarray(leaf) for name, leaf in named_leaves(trees).items()}
    other = next((name for name, array in arrays.items() if array.dtype != _TYPE), None)
    if other is not None:
        raise UserError(f"{whose}: {other} is {arrays[other].dtype}; an agent file holds {_TYPE} alone")
    return arrays


def vectors_in(
    file: AgentFile, group: str, experiment: SequenceExperiment, policy: Policy, unpack: Unpack
) -> np.ndarray:
    """The parameters of a group in a file, each agent's as one vector; ``unpack`` names those of the policy.

    Raises :class:`UserError` (incompatible) unless names, shapes and number are those of the configuration beside them.
    """
    import jax
    import numpy as np

    from coalactl.runs.checkpoints import named_leaves

    population, stored = experiment.population, file.contents.group(group)
    count = population.meta_agents if group == AGENTS else population.naive_agents
    tree = jax.eval_shape(unpack, jax.eval_shape(policy.init, jax.random.key(0)))
    expected = {name: (count, *leaf.shape) for name, leaf in named_leaves(tree).items()}
    _check_fits(file, group, {name: array.shape for name, array in stored.items()}, expected)
    return np.concatenate([stored[name].reshape(count, -1) for name in expected], axis=1)


def drawn_by_seed(engine: Engine, state: Any, seed: int) -> tuple[float, ...]:
    """Of each naive initialisation a sum, if the seed draws all of them to the bit; else nothing."""
    import numpy as np

    drawn, own = (np.asarray(each) for each in (sequence_engine(engine).drawn_naive(seed), state.naive.params))
    return _sums(own) if drawn.dtype == own.dtype and drawn.tobytes() == own.tobytes() else ()


def drawn_again(file: AgentFile, engine: Engine, seed: int) -> np.ndarray:
    """The naive initialisations of a file that does not hold them; says so where they are others than those were."""
    import numpy as np

    drawn = np.asarray(sequence_engine(engine).drawn_naive(seed))
    told, here = file.contents.drawn, _sums(drawn)
    if len(told) != len(here) or not np.allclose(here, told, rtol=0, atol=_ROUNDING * float(np.linalg.norm(drawn))):
        version = file.contents.provenance.get("packages", {}).get("jax", "another version")
        note(f"{file.path}: JAX draws other naive initialisations here than its agents met, drawn by JAX {version}")
    return drawn


def _sums(vectors: np.ndarray) -> tuple[float, ...]:
    """Of each vector a sum with weights that no two draws are likely to share."""
    import numpy as np

    weights = np.cos(np.arange(vectors.shape[1]))
    return tuple(float(sum_) for sum_ in vectors.astype(float) @ weights)


def step_in(file: AgentFile, step: int | None) -> int:
    """That of the file; raises :class:`UserError` where another one is asked for."""
    own = file.contents.step
    if step not in (None, own):
        raise UserError(f"{file.path} has no checkpoint of step {step}; it has {own}")
    return own


def _check_fits(
    file: AgentFile, group: str, stored: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    name = min((name for name in {**stored, **expected} if stored.get(name) != expected.get(name)), default=None)
    if name is not None:
        theirs, ours = (list(shapes[name]) if name in shapes else "missing" for shapes in (stored, expected))
        raise UserError(
            f"{file.path} is incompatible with coalactl {coalactl.__version__}, or damaged: {group}/{name} is {theirs} "
            f"in it, {ours} by its config.toml; coalactl {file.contents.version} wrote it",
            ExitCode.DAMAGED,
        )
