"""Checkpoints: the training state through Orbax, one folder a step, believed only after its manifest was checked.

The state is a pytree. Its arrays are stored flat under their names in the tree, typed PRNG keys as their data; the
structure comes from the template at restore, and names, shapes and dtypes must agree. Nothing is pickled.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from coalactl.errors import ExitCode, UserError
from coalactl.runs.directory import RunDirectory
from coalactl.runs.files import reason, write_failures
from coalactl.runs.layout import refuse_first_parameters
from coalactl.runs.manifests import (
    ArrayDescription,
    DamagedCheckpointError,
    Manifest,
    check_files,
    checkpoint_folder,
    discard_incomplete,
    drop,
    drop_later,
    prune,
    read_manifest,
    steps,
    write_manifest,
)
from coalactl.runs.older_states import stored_names

__all__ = [
    "NoWholeCheckpointError",
    "discard_incomplete",
    "drop_later",
    "named_leaves",
    "prune",
    "restore",
    "save",
    "steps",
]

_logger = logging.getLogger(__name__)


class NoWholeCheckpointError(UserError):
    """All checkpoints that were asked for are damaged."""


def save(run: RunDirectory, step: int, tree: Any, rows: Mapping[str, int] | None = None) -> None:
    """Save a state: Orbax commits its arrays, then the manifest declares them whole.

    ``rows`` tells how far the metric parts, which are on disk already, have reached. There are no later steps.
    Raises :class:`UserError` when a write fails; the checkpoints before stand.
    """
    leaves = named_leaves(tree)
    arrays = {name: _data(leaf) for name, leaf in leaves.items()}
    folder = checkpoint_folder(run, step)
    with write_failures(folder):
        drop(run, step)
        try:
            # Orbax refuses empty arrays; their shape in the manifest says all about them.
            _commit(folder, {name: array for name, array in arrays.items() if array.size})
            write_manifest(run, step, {name: _describe(leaf) for name, leaf in leaves.items()}, rows or {})
        except OSError:
            with suppress(OSError):  # on a full disk the half of a checkpoint is in the way of everything else
                discard_incomplete(run)
            raise


def restore(
    run: RunDirectory,
    template: Any,
    step: int | None = None,
    *,
    on_damage: Callable[[str], None] | None = None,
    partly: bool = False,
) -> tuple[int, Any]:
    """The newest whole checkpoint, or that of a step: the step and the state, structured as the template.

    The template is a state or its ``jax.eval_shape``, or with ``partly`` a tree of some of its leaves, in their places.
    Damaged checkpoints are passed over, each with one line to
    ``on_damage`` (the log by default). Raises :class:`UserError`: damaged when none is whole, or when a checkpoint
    is not of the template's structure; usage when there is none to begin with.
    """
    tell = on_damage or _logger.warning
    candidates = steps(run)[::-1] if step is None else [each for each in steps(run) if each == step]
    if not candidates:
        what = "no checkpoint yet" if step is None else f"no checkpoint of step {step}"
        raise UserError(f"{run.path} has {what}")
    _refuse_first_parameters(run)
    for candidate in candidates:
        try:
            return candidate, _restore_one(run, candidate, template, partly)
        except DamagedCheckpointError as damage:
            tell(f"checkpoint {candidate} of {run.path} is damaged: {damage}")
            last = damage
    raise NoWholeCheckpointError(
        f"{run.path}: no whole checkpoint is left; the last tried is damaged: {last}", ExitCode.DAMAGED
    )


def _refuse_first_parameters(run: RunDirectory) -> None:
    try:
        provenance = run.read_provenance()
    except UserError:  # It tells nothing; whoever writes it anew marks it.
        return
    refuse_first_parameters(run.path, provenance)


def _restore_one(run: RunDirectory, step: int, template: Any, partly: bool) -> Any:
    manifest = read_manifest(run, step)
    check_files(run, manifest)
    today = named_leaves(template)
    then = stored_names(today, manifest.arrays)
    leaves = {then[name]: leaf for name, leaf in today.items()}
    if partly:
        manifest = manifest._replace(arrays={name: manifest.arrays[name] for name in leaves.keys() & manifest.arrays})
    _check_structure(run, manifest, {name: _describe(leaf) for name, leaf in leaves.items()})
    stored = _read(checkpoint_folder(run, step), {name: _stored(leaf) for name, leaf in leaves.items()})
    return jax.tree.unflatten(
        jax.tree.structure(template), [_like(leaf, stored[name]) for name, leaf in leaves.items()]
    )


def _check_structure(run: RunDirectory, manifest: Manifest, expected: Mapping[str, ArrayDescription]) -> None:
    """Raise :class:`UserError` (incompatible) with the first difference between a checkpoint and the run's state."""
    differences = [f"{name} is missing in it" for name in expected.keys() - manifest.arrays.keys()]
    differences += [f"{name} is unknown here" for name in manifest.arrays.keys() - expected.keys()]
    differences += [
        f"{name} is {manifest.arrays[name]} in it, {array} here"
        for name, array in expected.items()
        if name in manifest.arrays and manifest.arrays[name] != array
    ]
    if differences:
        more = f" (and {len(differences) - 1} more differences)" if len(differences) > 1 else ""
        raise UserError(
            f"checkpoint {manifest.step} of {run.path} is incompatible with this run: {min(differences)}{more}",
            ExitCode.DAMAGED,
        )


# --- leaves of the tree ---------------------------------------------------------------------------------------------


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a tree, in its order, by their names in it: ``params/head/kernel``."""
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    leaves = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in paths}
    if len(leaves) != len(paths):
        raise ValueError("two leaves of the state have the same name")
    return leaves


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _describe(leaf: Any) -> ArrayDescription:
    array = leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
    return ArrayDescription(shape=tuple(array.shape), dtype=str(array.dtype))


def _data(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _stored(leaf: Any) -> Any:
    """Something of the shape and dtype in which a leaf is stored."""
    if _is_key(leaf):
        return jax.eval_shape(jax.random.key_data, leaf)
    return leaf if hasattr(leaf, "dtype") else np.asarray(leaf)


def _like(leaf: Any, value: np.ndarray) -> Any:
    """A stored array as the template has it: a typed key, an array of JAX or NumPy, or a plain number."""
    if _is_key(leaf):
        # A shape alone does not tell its key's implementation; the manifest has shown that it is the usual one.
        impl = jax.random.key_impl(leaf) if isinstance(leaf, jax.Array) else None
        return jax.random.wrap_key_data(jnp.array(value), impl=impl)
    if isinstance(leaf, jax.Array | jax.ShapeDtypeStruct):
        sharding = leaf.sharding if isinstance(leaf, jax.Array) else None
        # A copy: the state will be donated, and memory that NumPy owns cannot be.
        return (
            jnp.array(value) if sharding is None or len(sharding.device_set) == 1 else jax.device_put(value, sharding)
        )
    return value if isinstance(leaf, np.ndarray | np.generic) else value.item()


# --- Orbax ----------------------------------------------------------------------------------------------------------


def _commit(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with _orbax() as (orbax, checkpointer), _synchronised_by_us():
        try:
            checkpointer.save(folder.absolute(), args=orbax.args.PyTreeSave(dict(arrays)))
        except ValueError as error:
            # TensorStore reports what the system refused as a ValueError with the number of the system's error.
            if "os_error_code" not in str(error):
                raise
            raise OSError(_system_error(str(error))) from error
    # It holds the absolute path of the folder, which may be moved; the manifest says what it says, and more.
    (folder / "commit_success.txt").unlink(missing_ok=True)


def _read(folder: Path, expected: Mapping[str, Any]) -> dict[str, np.ndarray]:
    arrays = {name: np.empty(array.shape, array.dtype) for name, array in expected.items() if 0 in array.shape}
    wanted = {name: array for name, array in expected.items() if name not in arrays}
    with _orbax() as (orbax, checkpointer):
        restore_args = {name: orbax.RestoreArgs(restore_type=np.ndarray) for name in wanted}
        asked = orbax.args.PyTreeRestore(item=wanted, restore_args=restore_args, partial_restore=True)
        try:
            arrays |= checkpointer.restore(folder.absolute(), args=asked)
        except Exception as error:  # Orbax and TensorStore raise all kinds; each means: not usable, try another.
            raise DamagedCheckpointError(f"Orbax cannot restore it: {reason(error)}") from error
    for name, array in expected.items():
        if name not in arrays or (arrays[name].shape, arrays[name].dtype) != (array.shape, array.dtype):
            raise DamagedCheckpointError(f"Orbax gives another {name} than was saved")
    return arrays


@contextmanager
def _orbax() -> Iterator[tuple[Any, Any]]:
    """Orbax and a checkpointer without threads that outlive the call; its chatter in the log is turned off.

    One of several processes uses it without waiting for the others.
    """
    chatter = logging.getLogger("absl")
    level = chatter.level
    chatter.setLevel(logging.CRITICAL + 1)
    try:
        import orbax.checkpoint as orbax  # takes seconds: not before the first checkpoint

        index = jax.process_index()
        own = orbax.options.MultiprocessingOptions(primary_host=index, active_processes={index})
        options = {"multiprocessing_options": own} if jax.process_count() > 1 else {}
        handler = orbax.PyTreeCheckpointHandler(use_ocdbt=True, **options)
        with orbax.Checkpointer(handler, **options) as checkpointer:
            yield orbax, checkpointer
    finally:
        chatter.setLevel(level)


@contextmanager
def _synchronised_by_us() -> Iterator[None]:
    """TensorStore leaves it to the manifest to have files and folders on disk.

    It would give up where a file system cannot synchronise a folder. Orbax has no setting for it; where another version
    has its private function elsewhere, such file systems cannot be written to.
    """
    import tensorstore

    try:
        from orbax.checkpoint._src.serialization import tensorstore_utils as utils

        original = utils.get_ts_context
    except (ImportError, AttributeError):
        yield
        return
    utils.get_ts_context = lambda **options: tensorstore.Context({"file_io_sync": False}, original(**options))
    try:
        yield
    finally:
        utils.get_ts_context = original


def _system_error(message: str) -> str:
    """What the system said, ahead of TensorStore's notes in brackets: ``...: No space left on device``."""
    return re.split(r" \[(?:os_error_code|tensorstore_spec|source)", message, maxsplit=1)[0].rsplit(": ", 1)[-1]
