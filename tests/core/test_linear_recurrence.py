"""The linear recurrence and its derivative against a loop, for lengths that divide into blocks and that do not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.nets.linear_recurrence import SCANS, linear_recurrence

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


@pytest.mark.parametrize("scan", ["sequential", "associative"])
@pytest.mark.parametrize("steps", [1, 2, 7, 12, 20])
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

    jax.tree.map(close, results(partial(linear_recurrence, scan=SCANS[scan])), results(loop))
