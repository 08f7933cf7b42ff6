"""Codecs in one process: names, refusals, and what each does to gradients."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain import optim
from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import keras, tf
from tftrain.optim import codecs
from tftrain.optim.codecs.codec import Level
from tftrain.optim.codecs.largest import largest
from tftrain.optim.codecs.power_sgd import as_matrix, orthogonalized
from tftrain.optim.codecs.replica_state import ReplicaState
from tftrain.optim.codecs.wires import Wires

SHAPE = (64, 32)


class Alone:
    """A codec at work for one gradient of one replica, step after step."""

    def __init__(self, codec, shape=SHAPE):
        self.codec = codec
        self.state = ReplicaState()
        codec.adopt(keras.optimizers.SGD(), [])
        codec.build({0: shape}, self.state)

        @tf.function(autograph=False)
        def step(gradient, number):
            wires = Wires(lambda tensor: tensor, number)
            sums, updates = codec.exchange({0: gradient}, {}, wires, codec.levels[-1])
            for variable, value in updates:
                variable.assign(value)
            return sums[0]

        self._step, self._number = step, 0

    def sent(self, gradient):
        self._number += 1
        number = tf.constant(self._number, tf.int64)
        return self._step(tf.constant(gradient, tf.float32), number).numpy()


def random(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


MAKERS = {
    "bf16": codecs.Bf16,
    "fp16": codecs.Fp16,
    "int8": codecs.Int8,
    "int8, stochastic": lambda: codecs.Int8("stochastic"),
    "topk": lambda: codecs.TopK(0.05),
    "topk with momentum": lambda: codecs.TopK(0.05, momentum=0.5),
    "powersgd": lambda: codecs.PowerSGD(2),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_convex_problem_is_solved(name):
    at_work, target = Alone(MAKERS[name]()), random()
    weights = np.zeros_like(target)
    rate = 0.02 if "topk" in name else 0.1
    for _ in range(400):
        weights -= rate * at_work.sent(weights - target)
    assert np.abs(weights - target).max() < 0.01


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("int8", lambda feedback: codecs.Int8(error_feedback=feedback)),
        ("topk", lambda feedback: codecs.TopK(1 / 2048, error_feedback=feedback)),
        ("powersgd", lambda feedback: codecs.PowerSGD(1, error_feedback=feedback)),
    ],
)
def test_behind_a_large_alternating_gradient_only_error_feedback_gets_on(name, codec):
    """The mean gradient leads to 0 from 1; what alternates hides it from a lossy codec."""
    noise, signal = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    noise[0, 0], signal[1, 1] = 300.0, 1.0
    if name == "powersgd":  # which finds no direction that is exactly at right angles to its own
        left, right = (np.linalg.qr(random(1, (size, size)))[0] for size in SHAPE)
        noise, signal = left @ noise @ right, left @ signal @ right
    ends = {}
    for feedback in (True, False):
        at_work, weight = Alone(codec(feedback)), 1.0
        for step in range(1200):
            sent = at_work.sent(weight * signal + (-1) ** step * noise)
            weight -= 0.003 * (sent * signal).sum()
        ends[feedback] = weight
    assert abs(ends[True]) < 0.6
    assert ends[False] > 0.9


@pytest.mark.parametrize("name", ["fp16", "int8", "int8, stochastic", "topk", "powersgd"])
def test_what_was_sent_and_what_is_owed_is_all_there_was(name):
    at_work = Alone(MAKERS[name]())
    gradients = [random(seed) for seed in range(5)]
    sent = sum(at_work.sent(gradient) for gradient in gradients)
    (owed,) = (each.numpy() for each in at_work.state.variables if each.aggregation == "sum")
    np.testing.assert_allclose(sent + owed, sum(gradients), atol=1e-4)


def test_fp16_delivers_in_time_what_is_below_its_range():
    at_work = Alone(codecs.Fp16())
    sent = sum(at_work.sent(np.full(SHAPE, 1e-8)) for _ in range(100))
    np.testing.assert_allclose(sent, 1e-6, rtol=0.05)


def test_fp16_cuts_what_is_above_its_range_and_delivers_the_rest_later():
    at_work = Alone(codecs.Fp16())
    first = at_work.sent(np.full(SHAPE, 100_000.0))
    second = at_work.sent(np.zeros(SHAPE))
    np.testing.assert_allclose(first, 65504.0)
    np.testing.assert_allclose(first + second, 100_000.0, rtol=1e-3)


def test_stochastic_rounding_is_right_on_average():
    at_work = Alone(codecs.Int8("stochastic", error_feedback=False))
    gradient = np.full(SHAPE, 0.3)
    gradient[0, 0] = 127.0  # the scale is 1, so the others are 0 or 1
    sent = np.mean([at_work.sent(gradient)[1:].mean() for _ in range(20)])
    assert sent == pytest.approx(0.3, abs=0.02)


def test_int8_errs_by_half_a_step_at_most():
    gradient = random()
    sent = Alone(codecs.Int8()).sent(gradient)
    assert np.abs(sent - gradient).max() <= np.abs(gradient).max() / 127 / 2 + 1e-6


def test_powersgd_is_exact_for_matrices_of_its_rank():
    left, right = random(1, (64, 2)), random(2, (32, 2))
    sent = Alone(codecs.PowerSGD(2)).sent(left @ right.T)
    np.testing.assert_allclose(sent, left @ right.T, atol=1e-4)


def test_powersgd_outlives_a_step_without_gradient():
    at_work = Alone(codecs.PowerSGD(2))
    at_work.sent(np.zeros(SHAPE))
    gradient = np.zeros(SHAPE, np.float32)
    gradient[10:] = random()[10:]  # none in the rows that QR of zeros would look at
    assert np.abs(at_work.sent(gradient)).max() > 0


def test_powersgd_takes_kernels_of_convolutions_by_their_last_axis():
    assert as_matrix((3, 3, 16, 32)) == (144, 32)
    kernel = random(0, (3, 3, 16, 32))
    assert Alone(codecs.PowerSGD(4), kernel.shape).sent(kernel).shape == kernel.shape


def test_orthogonalized_columns_are_orthonormal():
    base = orthogonalized(tf.constant(random(0, (40, 4)))).numpy()
    np.testing.assert_allclose(base.T @ base, np.eye(4), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20_000), st.floats(0.001, 1), st.integers(0, 9), st.booleans())
def test_largest_are_at_least_the_threshold_of_a_sample(size, fraction, seed, mostly_zero):
    values = np.abs(np.random.default_rng(seed).standard_normal(size)).astype(np.float32)
    if mostly_zero:
        values[size // 100 + 1 :] = 0
    count = math.ceil(fraction * size)
    positions, weights = (each.numpy() for each in largest(tf.constant(values), count))
    found = positions[weights == 1]
    assert positions.shape == weights.shape == (count,)
    assert len(set(found)) == len(found) <= count
    smallest = values[found].min() if len(found) else np.inf
    wanted = min(count, np.count_nonzero(values))
    assert len(found) >= 0.5 * wanted or mostly_zero
    assert np.count_nonzero(values > smallest) <= count


@pytest.mark.parametrize("codec", ["topk:1", "topk:0.9"])
def test_topk_that_keeps_nearly_all_sends_nearly_all(codec):
    gradient = random()
    sent = Alone(codecs.named(codec)).sent(gradient)
    assert np.count_nonzero(sent) == math.ceil(float(codec[5:]) * gradient.size)


def test_a_sampled_threshold_finds_nearly_all_of_the_largest():
    values = np.abs(random(3, (200_000,)))
    positions, weights = (each.numpy() for each in largest(tf.constant(values), 2000))
    true = set(np.argsort(values)[-2000:])
    assert weights.sum() >= 1900
    assert len(true & set(positions[weights == 1])) >= 1900


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["float32", "int32", "int8"]),
            st.lists(st.integers(1, 7), max_size=3),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_packed_is_unpacked(kinds):
    draw = np.random.default_rng(0)
    tensors = [draw.integers(-100, 100, shape).astype(dtype) for dtype, shape in kinds]
    (parcel,) = Wires(lambda tensor: tensor, 0).gather([tf.constant(each) for each in tensors])
    for tensor, got in zip(tensors, parcel, strict=True):
        np.testing.assert_array_equal(got.numpy(), tensor)
        assert got.dtype.name == tensor.dtype.name


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("none", codecs.Codec),
        ("bf16", codecs.Bf16),
        ("fp16", codecs.Fp16),
        ("int8", codecs.Int8),
        ("topk", codecs.TopK),
        ("topk:1", codecs.TopK),
        ("powersgd:2", codecs.PowerSGD),
    ],
)
def test_names_give_codecs(text, kind):
    assert type(codecs.named(text)) is kind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("int9", "unknown gradient codec 'int9'; did you mean 'int8'?"),
        ("powersgt:4", "did you mean 'powersgd'?"),
        ("", "unknown gradient codec ''"),
        ("topk:0", "the fraction of top-k is 0.0; expected above 0, at most 1"),
        ("topk:1.5", "the fraction of top-k is 1.5"),
        ("topk:nan", "the fraction of top-k is nan"),
        ("topk:some", "expected a fraction after the colon, e.g. 'topk:0.01'"),
        ("powersgd:0", "PowerSGD's rank is 0; expected an integer of 1 or more"),
        ("powersgd:2.5", "expected a rank after the colon, e.g. 'powersgd:4'"),
        ("powersgd:", "expected a rank after the colon"),
        ("int8:4", "int8 takes no number"),
    ],
)
def test_wrong_names_and_numbers_are_refused(text, message):
    with pytest.raises(BadInput, match=message.replace("?", r"\?")):
        optim.compress_gradients(keras.optimizers.SGD(), text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: codecs.TopK(0.1, momentum=1.0), "momentum of top-k is 1.0"),
        (lambda: codecs.TopK(0.1, ramp_steps=-1), "ramp_steps is -1"),
        (lambda: codecs.PowerSGD(True), "rank is True"),
        (lambda: codecs.Int8("up"), "unknown rounding 'up'"),
    ],
)
def test_wrong_options_are_refused(make, message):
    with pytest.raises(BadInput, match=message):
        make()


def test_a_rank_that_no_gradient_has_is_refused():
    with pytest.raises(BadInput, match=r"rank is 40, but no gradient .* above 32"):
        codecs.PowerSGD(40).build({0: (64, 32), 1: (32,)}, ReplicaState())


def test_matrices_that_would_not_shrink_go_whole():
    codec = codecs.PowerSGD(24)
    assert codec.compresses((1000, 100))
    assert not codec.compresses((64, 32))
    assert not codec.compresses((32_000,))


def test_the_ramp_of_topk_falls_by_quarters():
    fractions = [level.setting for level in codecs.TopK(0.01, ramp_steps=9).levels]
    assert fractions == [0.25, 0.0625, 0.015625, 0.01]
    assert codecs.TopK(0.5, ramp_steps=9).levels == [Level(None, 0.5)]


def test_none_changes_nothing():
    plain = keras.optimizers.Adam()
    optimizer = optim.compress_gradients(keras.optimizers.Adam(), "none", warmup_steps=3)
    assert optimizer.__dict__.keys() == plain.__dict__.keys()


def test_one_replica_gets_a_warning_and_trains_as_it_did():
    def trained(make):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32)])
        model.compile(make(), "mse")
        model.fit(random(0, (64, 64)), random(), verbose=0)
        return model

    plain = trained(lambda: keras.optimizers.SGD(0.1, momentum=0.9))
    codec = codecs.TopK(0.01)
    with pytest.warns(UserWarning, match="changes nothing with one replica"):
        compressed = trained(
            lambda: optim.compress_gradients(keras.optimizers.SGD(0.1, momentum=0.9), codec)
        )
    np.testing.assert_array_equal(plain.get_weights()[0], compressed.get_weights()[0])
    assert len(plain.optimizer.variables) == len(compressed.optimizer.variables)
    assert compressed.optimizer.momentum == 0.9


def test_an_optimizer_takes_one_codec_before_it_is_built():
    optimizer = optim.compress_gradients(keras.optimizers.SGD(), "int8")
    with pytest.raises(BadInput, match="is given a codec already"):
        optim.compress_gradients(optimizer, "int8")
    built = keras.optimizers.SGD()
    built.build([keras.Variable([1.0])])
    with pytest.raises(BadInput, match="is built already"):
        optim.compress_gradients(built, "int8")


def test_a_loss_scale_optimizer_is_told_to_give_it_to_the_inner_one():
    outer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    with pytest.raises(BadInput, match="give it to the inner optimizer"):
        optim.compress_gradients(outer, "int8")


def test_what_is_no_codec_is_refused():
    with pytest.raises(BadInput, match="expected a name or an object"):
        optim.compress_gradients(keras.optimizers.SGD(), 8)
    with pytest.raises(BadInput, match="warmup_steps is -1"):
        optim.compress_gradients(keras.optimizers.SGD(), "int8", warmup_steps=-1)


def test_unknown_names_are_of_one_kind():
    with pytest.raises(UnknownName):
        optim.check_codec("zip")
