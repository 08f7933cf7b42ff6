import numpy as np
import pytest

from tftrain import optim
from tftrain.keras_api import keras, tf


def step(kernel, gradient, **options):
    """The kernel after one step from the formula of the paper, and from ours."""
    variable = keras.Variable(kernel)
    optimizer = optim.optimizer("lars", 2.0, **options)
    optimizer.build([variable])
    optimizer.apply([tf.constant(gradient)])
    return variable.numpy()


KERNEL = np.array([[3.0, 0.0], [0.0, 4.0]], "float32")  # of norm 5
GRADIENT = np.array([[0.0, 6.0], [8.0, 0.0]], "float32")  # of norm 10


def test_a_step_is_a_share_of_the_weights():
    moved = step(KERNEL, GRADIENT, trust=0.01)
    np.testing.assert_allclose(moved, KERNEL - 2.0 * 0.01 * 5 / 10 * GRADIENT, rtol=1e-6)
    assert np.linalg.norm(moved - KERNEL) == pytest.approx(2 * 0.01 * 5)


def test_decay_is_a_part_of_the_step():
    moved = step(KERNEL, GRADIENT, trust=0.01, weight_decay=0.4)
    share = 0.01 * 5 / (10 + 0.4 * 5)
    expected = KERNEL - 2.0 * share * (GRADIENT + 0.4 * KERNEL)
    np.testing.assert_allclose(moved, expected, rtol=1e-6)


def test_biases_take_plain_steps():
    moved = step(KERNEL[0], GRADIENT[0], weight_decay=0.4)
    np.testing.assert_allclose(moved, KERNEL[0] - 2.0 * GRADIENT[0])


@pytest.mark.parametrize("zero", ["weights", "gradient"])
def test_nothing_divides_by_zero(zero):
    kernel = KERNEL * (zero != "weights")
    gradient = GRADIENT * (zero != "gradient")
    np.testing.assert_allclose(step(kernel, gradient), kernel - 2.0 * gradient)


def test_momentum_carries_on_and_nesterov_looks_ahead():
    first = step(KERNEL, GRADIENT) - KERNEL
    ahead = step(KERNEL, GRADIENT, nesterov=True, momentum=0.9) - KERNEL
    np.testing.assert_allclose(ahead, 1.9 * first, rtol=1e-4)
