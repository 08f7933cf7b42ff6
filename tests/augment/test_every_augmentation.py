"""What holds for all augmentations alike; a new one joins by its name."""

import contextlib
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.augment.conftest import CLASSES, SOFT, make_images, operation_by_operation, options
from tftrain import augment
from tftrain.augment.images import DTYPES
from tftrain.errors import BadInput
from tftrain.keras_api import tf

NAMES = augment.names()
ON_IMAGES = [name for name in NAMES if name not in ("flip_labels", "smooth_labels")]
ALONE = [name for name in NAMES if name not in ("cutmix", "mixup")]
IDENTITIES = {
    "affine": {"degrees": 0, "scale": 0, "shear": 0},
    "brightness": {"amount": 0},
    "contrast": {"amount": 0},
    "crop": {"padding": 0},
    "cutmix": {"alpha": 0},
    "cutout": {"size": 0},
    "elastic": {"amount": 0},
    "flip": {"horizontal": False},
    "flip_labels": {"amount": 0},
    "hue": {"amount": 0},
    "mixup": {"alpha": 0},
    "rand_augment": {"layers": 0},
    "rotate": {"degrees": 0},
    "saturation": {"amount": 0},
    "smooth_labels": {"amount": 0},
    "translate": {"amount": 0},
}


def by_name(name, **settings):
    return functools.partial(getattr(augment, name), **options(name), **settings)


def floats(tensor):
    return np.asarray(tf.cast(tensor, tf.float32))


def assert_same(left, right, dtype):
    # Reordered float arithmetic moves the last bits, and so perhaps a rounding to bytes.
    tolerance = 1 if dtype == "uint8" else 1e-5
    for ours, theirs in zip(left, right, strict=True):
        np.testing.assert_allclose(floats(ours), floats(theirs), atol=tolerance, rtol=0)


def in_pipeline(function, images, labels, seed):
    dataset = tf.data.Dataset.from_tensors((images, labels))
    return next(iter(dataset.map(lambda x, y: function(x, y, seed))))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_everywhere(name, dtype, labels):
    images = make_images(6, 12, 17, 3, dtype)
    function = by_name(name)
    eager = function(images, labels, 3)
    with operation_by_operation():
        plain = function(images, labels, 3)
    assert_same(eager, plain, dtype)
    assert_same(eager, tf.function(function)(images, labels, tf.constant(3)), dtype)
    assert_same(eager, in_pipeline(function, images, labels, 3), dtype)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_inside_a_larger_program(name, images, labels):
    function = by_name(name)
    program = tf.function(function, jit_compile=True)
    assert_same(function(images, labels, 3), program(images, labels, tf.constant(3)), "uint8")


@pytest.mark.parametrize("name", ALONE)
def test_an_example_depends_on_seed_and_number_alone(name, images, labels):
    function = by_name(name)
    whole = function(images, labels, 7)
    part = function(images[2:5], labels[2:5], 7, index=[2, 3, 4])
    for all_of_them, some in zip(whole, part, strict=True):
        np.testing.assert_array_equal(all_of_them[2:5], some)


@pytest.mark.parametrize("name", ON_IMAGES)
def test_images_that_are_equal_become_different(name):
    images = np.tile(make_images(1, 12, 17, 3), (32, 1, 1, 1))
    if name in ("cutmix", "mixup"):
        images[1::2] = images[0, ::-1]  # else a partner is the image itself
    changed, _ = by_name(name)(images, np.zeros(32, int), 0)
    kinds = {image.tobytes() for image in np.asarray(changed)}
    assert len(kinds) >= (2 if name == "flip" else 12)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_repeats_and_another_one_differs(name):
    images, labels = make_images(32, 12, 17, 3), np.arange(32) % CLASSES
    function = by_name(name)
    first, again, other = (function(images, labels, seed) for seed in (1, 1, 2))
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    if name != "smooth_labels":
        assert any(
            not np.array_equal(one, another) for one, another in zip(first, other, strict=True)
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_identity_changes_nothing(name, dtype, labels):
    images = make_images(6, 12, 17, 3, dtype)
    function = by_name(name, **IDENTITIES[name])
    # To compile for every type would take a minute and tell nothing more.
    with contextlib.nullcontext() if dtype == "uint8" else operation_by_operation():
        same, same_labels = function(images, labels, 5)
    assert tf.as_dtype(same.dtype).name == dtype
    np.testing.assert_array_equal(floats(same), floats(images))
    expected = np.eye(CLASSES)[labels] if name in SOFT else labels
    np.testing.assert_array_equal(same_labels, expected)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    dtype=st.sampled_from(DTYPES),
    shape=st.tuples(
        st.integers(0, 4), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])
    ),
    seed=st.integers(-(2**63), 2**63 - 1),
)
def test_type_shape_range_and_label_sums_hold(name, dtype, shape, seed):
    images, labels = make_images(*shape, dtype), np.arange(shape[0]) % CLASSES
    with operation_by_operation():
        changed, new_labels = by_name(name)(images, labels, seed)
    assert tf.as_dtype(changed.dtype).name == dtype
    assert tuple(changed.shape) == shape
    values = floats(changed)
    assert np.isfinite(values).all()
    assert values.min(initial=0) >= 0
    assert values.max(initial=0) <= (255 if dtype == "uint8" else 1 + 1e-6)
    if name in SOFT:
        assert new_labels.shape == (shape[0], CLASSES)
        np.testing.assert_allclose(np.sum(new_labels, axis=1), 1, atol=1e-5)
    else:
        np.testing.assert_array_equal(new_labels, labels)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [0, 1])
def test_small_batches_in_a_compiled_pipeline(name, count):
    images, labels = make_images(count, 8, 6, 1), np.zeros(count, int)
    changed, _ = in_pipeline(by_name(name), images, labels, 0)
    assert changed.shape == images.shape


def test_batches_of_unknown_size_and_two_part_seeds():
    images = make_images(7, 8, 6, 1)
    dataset = tf.data.Dataset.from_tensor_slices(images).batch(4).enumerate()
    batches = dataset.map(lambda step, x: augment.affine(x, None, [9, step])[0])
    expected = [
        augment.affine(images[:4], None, [9, 0])[0],
        augment.affine(images[4:], None, [9, 1])[0],
    ]
    for batch, one in zip(batches, expected, strict=True):
        np.testing.assert_allclose(floats(batch), floats(one), atol=1)


@pytest.mark.parametrize("name", ON_IMAGES)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((8, 8, 3), np.uint8), r"expected \[B, H, W, C\]"),
        (np.zeros((2, 8, 8, 3)), "images have type float64; expected one of uint8"),
    ],
)
def test_other_images_are_refused(name, wrong, message):
    with pytest.raises(BadInput, match=message):
        by_name(name)(wrong, np.zeros(2, int), 0)


@pytest.mark.parametrize("name", ON_IMAGES)
def test_a_size_that_is_unknown_is_refused_while_tracing(name):
    signature = tf.TensorSpec([None, None, None, 3], tf.uint8)
    traced = tf.function(by_name(name), autograph=False)  # autograph would wrap the error
    with pytest.raises(BadInput, match="expected a known height, width"):
        traced.get_concrete_function(signature, tf.zeros([2], tf.int32), 0)


def test_an_index_of_another_length_is_refused(images):
    with pytest.raises(BadInput, match="expected one integer an image"):
        augment.flip(images, None, 0, index=[1, 2])
