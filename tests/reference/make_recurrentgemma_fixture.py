"""Record the reference Hawk blocks of `recurrentgemma` into a small fixture (App. B.3).

The tests of our own Hawk policy compare it with the public package of De et al. (2024, arXiv:2402.19427) on copied
weights, forward and gradients. The package's pins conflict with ours, so it is never imported by the tests: this script
runs once, in an environment of its own, and the file that it writes is committed.

    python3.11 -m venv reference-venv
    reference-venv/bin/pip install "recurrentgemma[jax]==1.0.1" "jax==0.10.2" "jaxlib==0.10.2" "flax==0.12.8" \
        "numpy==2.3.5" "einops==0.8.2" "jaxtyping==0.3.11" "typeguard==2.13.3" "orbax-checkpoint==0.12.8"
    JAX_PLATFORMS=cpu reference-venv/bin/python tests/reference/make_recurrentgemma_fixture.py

Run it from the root of the repository; an optional argument names another output path. With these versions on a CPU the
file is reproduced up to float32 rounding. Nothing of the package is copied here: its modules are only called.

Keys of the file, for each block case in `BLOCK_CASES` (floats are float32, nothing is pickled):

    <case>/meta/{width,heads,mlp_width,depth,length,sequences}   scalar int32
    <case>/params/residual_block.<i>/<flax path>                 every parameter of block i
    <case>/x, <case>/resets, <case>/y                            input, segment starts, output of the last block
    <case>/cotangent                                             c of the loss  sum(y * c)
    <case>/grads/params/residual_block.<i>/<flax path>           its gradients, parameters
    <case>/grads/x                                               and input

`final_norm/...` holds the same keys (without meta and resets) for one RMSNorm alone, and `sqrt_bound/{x,y,grads/x}` the
square root whose derivative is clipped at 1000, with x = 0 and the clipping point among its arguments.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict
from jaxtyping import Array, Bool, Float, Int
from recurrentgemma import common
from recurrentgemma.jax import layers, modules

SEED = 20240229
PERTURBATION_SCALE = 0.1
# Parameters are rounded to multiples of this: they stay exact in float32, and the file compresses better.
PARAM_RESOLUTION = 2.0**-12
CONV_TEMPORAL_WIDTH = 4
MAX_SQRT_GRADIENT = 1000.0
# softplus(-30) is about 1e-13, so a rounds to exactly 1, where an unclipped square root has an infinite derivative.
SATURATED_A_PARAM = -30.0
DEFAULT_OUTPUT = Path("tests/data/recurrentgemma_hawk.npz")

Fixture = dict[str, np.ndarray]
Params = Mapping[str, Any]


class BlockCase(NamedTuple):
    """One stack of residual blocks and the steps (one tuple a sequence) at which its segments start."""

    name: str
    width: int
    heads: int
    mlp_width: int
    depth: int
    length: int
    resets: tuple[tuple[int, ...], ...]
    saturated_channels: tuple[int, ...] = ()


BLOCK_CASES = (
    BlockCase(name="a", width=32, heads=2, mlp_width=32, depth=1, length=12, resets=((0,), (0,), (0,))),
    # Two resets in a row, a reset at the last step, and one segment shorter than the convolution.
    BlockCase(name="b", width=32, heads=2, mlp_width=32, depth=1, length=13, resets=((0, 5), (0, 3, 4, 12), (0, 2, 9))),
    BlockCase(name="c", width=16, heads=4, mlp_width=48, depth=1, length=16, resets=((0, 1), (0, 7, 10), (0, 15))),
    BlockCase(name="d", width=24, heads=1, mlp_width=40, depth=2, length=11, resets=((0, 4), (0,), (0, 6, 8))),
    # Channels with a = 1: the gradient is finite only with the clipped square root.
    BlockCase(
        name="e", width=8, heads=2, mlp_width=8, depth=1, length=11, resets=((0, 4), (0,), (0, 6)),
        saturated_channels=(0, 5),
    ),
    # Sequences that go on from a zero state: no reset at the first step, hence no unit multiplier there.
    BlockCase(name="f", width=8, heads=2, mlp_width=12, depth=1, length=11, resets=((), (4,), (0, 6))),
)  # fmt: skip


def main(output: Path) -> None:
    """Record all cases and write them to `output`."""
    rng = np.random.default_rng(SEED)
    fixture: Fixture = {}
    for case in BLOCK_CASES:
        fixture |= _with_prefix(case.name, record_block_case(case, rng))
    fixture |= _with_prefix("final_norm", record_final_norm(rng, width=32))
    fixture |= _with_prefix("sqrt_bound", record_sqrt_bound())
    output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(output, **fixture)


def record_block_case(case: BlockCase, rng: np.random.Generator) -> Fixture:
    """Record forward and gradients of a stack of Hawk's residual blocks on perturbed parameters."""
    resets = _resets(case)
    segment_pos = jnp.asarray(_segment_positions(resets))
    block = modules.ResidualBlock(
        width=case.width,
        mlp_expanded_width=case.mlp_width,
        num_heads=case.heads,
        attention_window_size=case.length,  # Required by the signature, unused without attention.
        temporal_block_type=common.TemporalBlockType.RECURRENT,
        lru_width=case.width,
        scan_type=common.ScanType.LINEAR_NATIVE,
        conv1d_temporal_width=CONV_TEMPORAL_WIDTH,
        final_w_init_variance_scale=2.0 / case.depth,
        dtype="float32",
    )
    x = jnp.asarray(rng.standard_normal((*resets.shape, case.width)), jnp.float32)
    names = [f"residual_block.{i}" for i in range(case.depth)]
    keys = jax.random.split(jax.random.key(SEED), case.depth)
    params = {}
    for name, key in zip(names, keys, strict=True):
        initial = jax.jit(block.init)(key, x, segment_pos)["params"]
        params[name] = _saturate(_perturb(initial, rng), case.saturated_channels)

    def forward(params: Params, x: Float[Array, "sequences steps width"]) -> Float[Array, "sequences steps width"]:
        for name in names:
            x, _ = block.apply({"params": params[name]}, x, segment_pos, return_cache=False)
        return x

    meta = {
        "width": case.width,
        "heads": case.heads,
        "mlp_width": case.mlp_width,
        "depth": case.depth,
        "length": case.length,
        "sequences": len(case.resets),
    }
    recorded = _record(forward, params, x, rng)
    return recorded | {"resets": resets} | {f"meta/{name}": np.int32(value) for name, value in meta.items()}


def record_final_norm(rng: np.random.Generator, *, width: int) -> Fixture:
    """Record the RMSNorm that follows the last block, with a scale other than its initial zero.

    The input gradients of the small rows are of order 1e3: compare them relatively.
    """
    norm = layers.RMSNorm(width=width, dtype="float32")
    # Rows of very different sizes: the smallest ones show where epsilon goes.
    sizes = np.array([1.0, 1e-3, 10.0, 1e-4])[:, None]
    x = jnp.asarray(sizes * rng.standard_normal((2, len(sizes), width)), jnp.float32)
    params = _perturb(norm.init(jax.random.key(SEED), x)["params"], rng)
    return _record(lambda params, x: norm.apply({"params": params}, x), params, x, rng)


def record_sqrt_bound() -> Fixture:
    """Record the clipped square root of the input multiplier on both sides of its clipping point."""
    clip_at = 1.0 / (4.0 * MAX_SQRT_GRADIENT**2)
    x = jnp.asarray([0.0, 0.1 * clip_at, clip_at, 10.0 * clip_at, 1e-3, 0.5, 1.0], jnp.float32)

    def sqrt_bound(x: Float[Array, " points"]) -> Float[Array, " points"]:
        return layers.sqrt_bound_derivative(x, MAX_SQRT_GRADIENT)

    grads = jax.grad(lambda x: sqrt_bound(x).sum())(x)
    return {"x": np.asarray(x), "y": np.asarray(sqrt_bound(x)), "grads/x": np.asarray(grads)}


def _record(
    forward: Callable[[Params, Array], Array], params: Params, x: Float[Array, "*batch width"], rng: np.random.Generator
) -> Fixture:
    """Record `y = forward(params, x)` and the gradients of `sum(y * c)` for a random cotangent c."""
    tokens = x.size // x.shape[-1]
    # One over the root of the number of tokens keeps summed gradients of order one, so 1e-5 is a float32 tolerance.
    cotangent = jnp.asarray(rng.standard_normal(x.shape) / np.sqrt(tokens), jnp.float32)

    def loss(params: Params, x: Float[Array, "*batch width"]) -> tuple[Float[Array, ""], Float[Array, "*batch width"]]:
        y = forward(params, x)
        return jnp.sum(y * cotangent), y

    (param_grads, x_grad), y = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(params, x)
    return {
        "x": np.asarray(x),
        "y": np.asarray(y),
        "cotangent": np.asarray(cotangent),
        "grads/x": np.asarray(x_grad),
        **_with_prefix("params", _flatten(params)),
        **_with_prefix("grads/params", _flatten(param_grads)),
    }


def _perturb(params: Params, rng: np.random.Generator) -> Params:
    """Add noise to every parameter, so that zero biases and zero norm scales cannot hide an error."""

    def perturb_leaf(leaf: Float[Array, "..."]) -> Float[Array, "..."]:
        noisy = np.asarray(leaf, np.float64) + PERTURBATION_SCALE * rng.standard_normal(leaf.shape)
        return jnp.asarray(np.round(noisy / PARAM_RESOLUTION) * PARAM_RESOLUTION, leaf.dtype)

    return jax.tree.map(perturb_leaf, params)


def _saturate(block_params: Params, channels: tuple[int, ...]) -> Params:
    """Set the recurrence of the given channels to a = 1."""
    if not channels:
        return block_params
    recurrent = block_params["recurrent_block"]
    a_param = recurrent["rg_lru"]["a_param"].at[jnp.asarray(channels)].set(SATURATED_A_PARAM)
    rg_lru = {**recurrent["rg_lru"], "a_param": a_param}
    return {**block_params, "recurrent_block": {**recurrent, "rg_lru": rg_lru}}


def _resets(case: BlockCase) -> Bool[np.ndarray, "sequences steps"]:
    """Mark the first step of each segment."""
    resets = np.zeros((len(case.resets), case.length), dtype=bool)
    for row, steps in zip(resets, case.resets, strict=True):
        row[list(steps)] = True
    return resets


def _segment_positions(resets: Bool[np.ndarray, "sequences steps"]) -> Int[np.ndarray, "sequences steps"]:
    """Count the steps since the last reset; a sequence that starts without one counts from 1."""
    steps = np.broadcast_to(np.arange(resets.shape[1], dtype=np.int32), resets.shape)
    last_reset = np.maximum.accumulate(np.where(resets, steps, -1), axis=1)
    return (steps - last_reset).astype(np.int32)


def _flatten(tree: Params) -> Fixture:
    """Name each leaf by its path."""
    return {name: np.asarray(leaf) for name, leaf in flatten_dict(tree, sep="/").items()}


def _with_prefix(prefix: str, fixture: Fixture) -> Fixture:
    """Put all keys under `prefix`."""
    return {f"{prefix}/{name}": value for name, value in fixture.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_OUTPUT)
