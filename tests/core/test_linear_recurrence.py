"""The linear recurrence and its derivative against a loop, for lengths that divide into blocks and that do not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.nets.linear_recurrence import SCANS, linear_recurrence
from coalactl_core.nets.recurrence_kernel import kernel_fits, states_by_kernel

pytestmark = pytest.mark.usefixtures("float64")

WIDTH = 3
# Products of at most some tens of factors below 1 in float64.
close = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-13)


def loop(decays: jax.Array, inputs: jax.Array, initial: jax.Array) -> jax.Array:
    states = []
    for decay, input_ in zip(decays, inputs, strict=True):
        initial = decay * initial + input_
        states.append(initial)
    return jnp.stack(states)


@pytest.mark.parametrize(
    "scan",
    [*SCANS.values(), partial(states_by_kernel, interpret=True)],
    ids=[*SCANS, "the kernel itself"],
)
@pytest.mark.parametrize("steps", [1, 2, 7, 12, 20, 40])
def test_states_and_gradients_are_those_of_a_loop(steps, scan) -> None:
    draw = np.random.default_rng(steps)
    decays = draw.uniform(0, 1, (steps, WIDTH))
    decays[steps // 2] = 0  # a restart, at which nothing can be divided by the product of decays
    arguments = tuple(map(jnp.asarray, (decays, draw.normal(size=(steps, WIDTH)), draw.normal(size=WIDTH))))
    weights = jnp.asarray(draw.normal(size=(steps, WIDTH)))

    def results(function):
        return jax.jit(jax.value_and_grad(lambda *given: jnp.sum(weights * jnp.sin(function(*given))), (0, 1, 2)))(
            *arguments
        )

    jax.tree.map(close, results(partial(linear_recurrence, scan=scan)), results(loop))


def test_the_kernel_compiles_for_a_gpu_as_one_call_for_all_sequences() -> None:
    sequences = jax.ShapeDtypeStruct((6, 200, 32), jnp.float32), jax.ShapeDtypeStruct((6, 32), jnp.float32)
    batched = jax.jit(jax.vmap(states_by_kernel)).trace(sequences[0], *sequences)
    text = batched.lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("stablehlo.custom_call") == 1
    assert "grid_x = 6" in text


@pytest.mark.parametrize(("backend", "width", "fits"), [("gpu", 32, True), ("gpu", 24, False), ("cpu", 32, False)])
def test_the_kernel_is_for_gpus_and_blocks_of_powers_of_two(monkeypatch, backend, width, fits) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    assert kernel_fits(width) is fits
