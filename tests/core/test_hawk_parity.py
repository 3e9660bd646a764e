"""Parity of our Hawk with the authors' recurrentgemma package, forward and backward, on copied weights.

The fixture is made by tests/reference/make_recurrentgemma_fixture.py.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.nets.hawk import HawkBlock, RMSNorm, _bounded_sqrt, fresh_carry
from coalactl_core.nets.linear_recurrence import SCANS

FIXTURE = np.load(Path(__file__).parent.parent / "data" / "recurrentgemma_hawk.npz", allow_pickle=False)
# The task's promise; an independent transcription agrees with the fixture to 2e-6 in float32.
TOLERANCE = 1e-5
# Names of the reference, in the order in which ours stand side by side.
BRANCHES, GATES = ("linear_y", "linear_x"), ("input_gate", "a_gate")


def ours_from_theirs(arrays: dict[str, np.ndarray]) -> dict:
    """Our parameter tree of one block, from flat names of the reference."""

    def dense(name: str) -> dict:
        return {"kernel": arrays[f"{name}/kernel"], "bias": arrays[f"{name}/bias"]}

    def side_by_side(*layers: tuple[np.ndarray, np.ndarray]) -> dict:
        kernels, biases = zip(*layers, strict=True)
        return {"kernel": np.concatenate(kernels, -1), "bias": np.concatenate(biases)}

    branches = [tuple(arrays[f"recurrent_block/{name}/{part}"] for part in ("kernel", "bias")) for name in BRANCHES]
    up, up_bias = arrays["mlp_block/ffw_up/w"], arrays["mlp_block/ffw_up/b"]
    return {
        "recurrent_norm": {"scale": arrays["temporal_pre_norm/scale"]},
        "branches": side_by_side(*branches),
        "convolution": {
            "kernel": arrays["recurrent_block/conv_1d/w"],
            "bias": arrays["recurrent_block/conv_1d/b"],
        },
        "rg_lru": {
            "decay_rate": arrays["recurrent_block/rg_lru/a_param"],
            "gates": {
                "kernel": np.stack([arrays[f"recurrent_block/rg_lru/{name}/w"] for name in GATES]),
                "bias": np.stack([arrays[f"recurrent_block/rg_lru/{name}/b"] for name in GATES]),
            },
        },
        "recurrent_output": dense("recurrent_block/linear_out"),
        "mlp_norm": {"scale": arrays["channel_pre_norm/scale"]},
        "mlp_branches": side_by_side(*((up[branch], up_bias[branch, 0, 0]) for branch in range(2))),
        "mlp_output": dense("mlp_block/ffw_down"),
    }


def blocks_of(case: str, kind: str) -> list[dict]:
    """Our trees of all blocks of a case; ``kind`` is "params" or "grads/params"."""
    prefix = f"{case}/{kind}/residual_block."
    depth = int(FIXTURE[f"{case}/meta/depth"])
    return [
        ours_from_theirs(
            {
                name.removeprefix(f"{prefix}{block}/"): FIXTURE[name]
                for name in FIXTURE.files
                if name.startswith(f"{prefix}{block}/")
            }
        )
        for block in range(depth)
    ]


@pytest.mark.parametrize("scan", ["sequential", "associative"])
@pytest.mark.parametrize("case", ["a", "b", *(pytest.param(case, marks=pytest.mark.long) for case in "cdef")])
def test_outputs_and_gradients_agree(case: str, scan: str) -> None:
    width, heads, mlp_width, depth = (
        int(FIXTURE[f"{case}/meta/{k}"]) for k in ("width", "heads", "mlp_width", "depth")
    )
    block = HawkBlock(width, heads, mlp_width, depth, SCANS[scan])
    x, resets, cotangent = (jnp.asarray(FIXTURE[f"{case}/{name}"]) for name in ("x", "resets", "cotangent"))
    # A sequence that does not start with a reset starts from a zero memory that is not fresh.
    carry = fresh_carry(width)._replace(fresh=jnp.array(False))

    def forward(params: list[dict], x: jax.Array) -> jax.Array:
        for layer in params:
            x, _ = jax.vmap(lambda x, r, layer=layer: block.apply({"params": layer}, x, carry, r))(x, resets)
        return x

    params = blocks_of(case, "params")
    y, pull_back = jax.vjp(forward, params, x)
    param_grads, x_grads = pull_back(cotangent)
    np.testing.assert_allclose(y, FIXTURE[f"{case}/y"], atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(x_grads, FIXTURE[f"{case}/grads/x"], atol=TOLERANCE, rtol=0)
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, atol=TOLERANCE, rtol=0),
        param_grads,
        blocks_of(case, "grads/params"),
    )


def test_bounded_square_root_is_the_references() -> None:
    x = jnp.asarray(FIXTURE["sqrt_bound/x"])
    np.testing.assert_allclose(_bounded_sqrt(x), FIXTURE["sqrt_bound/y"], rtol=1e-6)
    slopes = jax.vmap(jax.grad(_bounded_sqrt))(x)
    np.testing.assert_allclose(slopes, FIXTURE["sqrt_bound/grads/x"], rtol=1e-5)


def test_final_norm_agrees() -> None:
    names = [name for name in FIXTURE.files if name.startswith("final_norm/")]
    scale = FIXTURE[next(name for name in names if "params" in name and "grads" not in name)]
    y, pull_back = jax.vjp(
        lambda x: RMSNorm().apply({"params": {"scale": scale}}, x), jnp.asarray(FIXTURE["final_norm/x"])
    )
    np.testing.assert_allclose(y, FIXTURE["final_norm/y"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        pull_back(jnp.asarray(FIXTURE["final_norm/cotangent"]))[0], FIXTURE["final_norm/grads/x"], rtol=1e-5, atol=1e-6
    )
