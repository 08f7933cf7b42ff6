import numpy as np
import pytest

from tftrain import optim
from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import keras, tf
from tftrain.optim.clipping import global_norm

RANDOM = np.random.default_rng(0)
GRADIENTS = [RANDOM.normal(size=shape).astype("float32") for shape in ((3, 4), (4,), (4, 2))]
VARIABLES = [keras.Variable(RANDOM.normal(size=g.shape).astype("float32")) for g in GRADIENTS]


def clip(by, limit, gradients=GRADIENTS, variables=VARIABLES):
    clipped, share = optim.Clipping(by, limit).clip([tf.constant(g) for g in gradients], variables)
    return [c.numpy() for c in clipped], float(share)


@pytest.mark.parametrize(
    ("by", "argument"),
    [("value", "clipvalue"), ("norm", "clipnorm"), ("global_norm", "global_clipnorm")],
)
@pytest.mark.parametrize("limit", [0.3, 2.0, 100.0])
def test_equals_what_keras_s_optimizer_clips(by, argument, limit):
    expected = keras.optimizers.SGD(**{argument: limit})._clip_gradients(
        [tf.constant(g) for g in GRADIENTS]
    )
    for ours, theirs in zip(clip(by, limit)[0], expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_adaptive_limits_each_unit_by_its_weights():
    clipped, _ = clip("adaptive", 0.5)
    for gradient, result, variable in zip(GRADIENTS, clipped, VARIABLES, strict=True):
        for unit in range(gradient.shape[-1]) if gradient.ndim > 1 else [slice(None)]:
            allowed = 0.5 * max(np.linalg.norm(variable.numpy()[..., unit]), 1e-3)
            norm = np.linalg.norm(gradient[..., unit])
            expected = gradient[..., unit] * min(1, allowed / norm)
            np.testing.assert_allclose(result[..., unit], expected, rtol=1e-5)


def test_adaptive_lets_units_leave_zero():
    clipped, _ = clip("adaptive", 0.5, GRADIENTS[:1], [keras.Variable(np.zeros((3, 4)))])
    np.testing.assert_allclose(np.linalg.norm(clipped[0], axis=0), 0.0005, rtol=1e-5)


@pytest.mark.parametrize("by", ["value", "norm", "global_norm", "adaptive"])
def test_what_is_within_the_limit_keeps_its_last_digit(by):
    clipped, share = clip(by, 1e6)
    assert share == 0
    for ours, before in zip(clipped, GRADIENTS, strict=True):
        np.testing.assert_array_equal(ours, before)


@pytest.mark.parametrize("by", ["norm", "global_norm"])
def test_zero_gradients_stay_zero(by):
    clipped, _ = clip(by, 1.0, [np.zeros((2, 2), "float32")], VARIABLES[:1])
    assert not clipped[0].any()


def test_the_share_is_that_of_changed_entries():
    gradient = np.array([[0.1, 5.0], [-5.0, 0.2]], "float32")
    assert clip("value", 1.0, [gradient], [keras.Variable(gradient)])[1] == 0.5


@pytest.mark.parametrize("by", ["value", "norm", "global_norm"])
def test_repeated_rows_of_an_embedding_are_added_first(by):
    dense = np.zeros((4, 2), "float32")
    dense[1], dense[3] = [6.0, 8.0], [1.0, 0.0]
    rows = tf.IndexedSlices(
        tf.constant([[3.0, 4.0], [1.0, 0.0], [3.0, 4.0]]), tf.constant([1, 3, 1]), (4, 2)
    )
    assert float(global_norm([rows])) == pytest.approx(np.linalg.norm(dense))
    (clipped,), _ = optim.Clipping(by, 2.0).clip([rows], [None])
    expected, _ = clip(by, 2.0, [dense], [None])
    np.testing.assert_allclose(tf.convert_to_tensor(clipped), expected[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("global_norm", "clip 'global_norm': expected value"),
        ("norm:x", "clip 'norm:x'"),
        ("norm:0", "limit of clipping by norm is 0.0; expected more than 0"),
        ("norm:-1", "expected more than 0"),
        ("value:nan", "expected more than 0"),
        ("nrm:1", "did you mean 'norm'"),
    ],
)
def test_what_is_no_clipping_is_refused(text, message):
    with pytest.raises(BadInput, match=message):
        optim.Clipping.parse(text)


def test_an_unknown_way_is_an_unknown_name():
    with pytest.raises(UnknownName):
        optim.Clipping("globalnorm", 1.0)
