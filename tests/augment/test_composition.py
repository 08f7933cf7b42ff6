import functools

import numpy as np
import pytest

from tests.augment.conftest import CLASSES, make_images
from tftrain import augment
from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import tf


def test_steps_are_done_in_order_each_with_the_same_seed(images, labels):
    composed = augment.compose(("hue", "cutout", "mixup"), classes=CLASSES)
    found, soft = composed(images, labels, 4)
    expected, _ = augment.cutout(*augment.hue(images, labels, 4), 4)
    expected, expected_soft = augment.mixup(expected, labels, 4, classes=CLASSES)
    np.testing.assert_allclose(found.numpy().astype(int), expected.numpy().astype(int), atol=1)
    np.testing.assert_array_equal(soft, expected_soft)


def test_a_step_written_twice_draws_anew():
    images = np.full((50, 3, 3, 1), 0.5, np.float32)
    once, _ = augment.compose("brightness:0.2")(images, None, 0)
    twice, _ = augment.compose("brightness:0.2", "brightness:0.2")(images, None, 0)
    first, second = once.numpy()[:, 0, 0, 0] - 0.5, (twice - once).numpy()[:, 0, 0, 0]
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5


def test_flips_and_crops_are_one_exact_copy(images):
    found, _ = augment.compose("flip", "crop:3", "flip")(images, None, 1)
    padded = np.pad(images, [(0, 0), (3, 3), (3, 3), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (12, 17), axis=(1, 2))
    for image, of_image in zip(found.numpy(), windows, strict=True):
        candidates = np.concatenate([of_image, of_image[..., ::-1]]).reshape(-1, 3, 12, 17)
        assert (candidates == image.transpose(2, 0, 1)).all(axis=(1, 2, 3)).any()


def test_joined_moves_are_the_moves_one_after_the_other():
    # A broad blob in the middle: neither the border nor a second interpolation matters much.
    x, y = np.meshgrid(np.linspace(-1, 1, 48), np.linspace(-1, 1, 40))
    blob = np.exp(-8 * ((x - 0.1) ** 2 + y**2)).astype(np.float32)
    images = np.repeat(blob[np.newaxis, ..., np.newaxis], 20, axis=0)
    joined, _ = augment.compose("flip", "crop", "affine", "translate:0.05")(images, None, 3)
    expected = images
    for step in (augment.flip, augment.crop, augment.affine):
        expected, _ = step(expected, None, 3)
    expected, _ = augment.translate(expected, None, 3, amount=0.05)
    np.testing.assert_allclose(joined, expected, atol=0.02)


def test_joined_moves_are_sharper():
    images = make_images(30, 32, 32, 1, "float32")
    joined, _ = augment.compose("rotate", "translate")(images, None, 3)
    one_by_one, _ = augment.translate(*augment.rotate(images, None, 3), 3)
    assert np.std(joined) > 1.1 * np.std(one_by_one)


def test_moves_with_different_borders_are_not_joined(images):
    crop = functools.partial(augment.crop, border="edge")
    found, _ = augment.compose(crop, "rotate")(images, None, 2)
    expected, _ = augment.rotate(*crop(images, None, 2), 2)
    np.testing.assert_allclose(found.numpy().astype(int), expected.numpy().astype(int), atol=1)


@pytest.mark.parametrize("dtype", [None, "uint8", "float32", "bfloat16"])
@pytest.mark.parametrize("given", ["uint8", "float32"])
def test_the_type_asked_for_comes_out(dtype, given):
    images = make_images(3, 6, 6, 3, given)
    found, _ = augment.compose("flip", "contrast", dtype=dtype)(images, None, 0)
    assert found.dtype.name == (dtype or given)
    assert 0 < np.max(tf.cast(found, tf.float32)) <= (255 if found.dtype == tf.uint8 else 1)


def test_uint8_is_rounded_once():
    images = make_images(20, 8, 8, 3)
    steps = ("brightness:0.01", "contrast:0.01", "brightness:0.01")
    as_bytes, _ = augment.compose(steps)(images, None, 0)
    as_floats, _ = augment.compose(steps, dtype="float32")(images, None, 0)
    np.testing.assert_array_equal(as_bytes, np.round(as_floats * 255))


@pytest.mark.parametrize("size", [1, 5])
def test_a_composition_in_a_pipeline_with_a_counter(size):
    images, labels = make_images(10, 8, 6, 3), np.arange(10) % CLASSES
    composed = augment.compose("flip", "affine", "cutmix", classes=CLASSES)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4).enumerate()
    batches = list(dataset.map(lambda step, batch: composed(*batch, [size, step])))
    assert [len(soft) for _, soft in batches] == [4, 4, 2]
    found, soft = batches[1]
    expected, expected_soft = composed(images[4:8], labels[4:8], [size, 1])
    np.testing.assert_allclose(found.numpy().astype(int), expected.numpy().astype(int), atol=1)
    np.testing.assert_allclose(soft, expected_soft, atol=1e-6)


def test_images_of_several_sizes_go_through_one_composition():
    composed = augment.compose("flip", "rotate")
    for height, width in ((5, 6), (7, 4), (5, 6)):
        assert composed(make_images(2, height, width, 1), None, 0)[0].shape == (2, height, width, 1)


def test_own_steps_are_called_in_their_place(images, labels):
    def darken(images, labels, seed, *, index):
        assert images.dtype == tf.float32
        assert seed.shape == [2]
        return images * 0.5, labels + tf.cast(index, labels.dtype)

    found, numbered = augment.compose(darken)(images, labels, 0, index=[5] * 6)
    np.testing.assert_allclose(found, images / 2, atol=0.51)
    np.testing.assert_array_equal(numbered, labels + 5)


@pytest.mark.parametrize("labels", [None, np.array(["a", "b"]), {"box": np.ones((2, 1))}])
def test_labels_that_no_step_changes_may_be_anything(labels):
    _, found = augment.compose("flip")(make_images(2, 4, 4, 1), labels, 0)
    tf.nest.assert_same_structure(found, labels)


def test_lists_of_labels_are_not_traced_anew():
    composed = augment.compose("mixup", classes=CLASSES)
    for labels in ([0, 1], [1, 2], [3, 4]):
        composed(make_images(2, 4, 4, 1), labels, 0)
    assert composed._function.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("steps", "mixes"),
    [
        (["flip", "cutout"], False),
        (["flip", "mixup"], True),
        ([functools.partial(augment.smooth_labels, amount=0.2)], True),
        ([lambda images, labels, seed, index: (images, labels)], False),
    ],
)
def test_it_knows_whether_labels_become_probabilities(steps, mixes):
    assert augment.compose(steps).mixes_labels is mixes


def test_own_steps_say_so_themselves():
    def soften(images, labels, seed, index):
        return images, labels

    soften.mixes_labels = True
    assert augment.compose(soften).mixes_labels


def test_a_partial_keeps_its_settings(images):
    flip = functools.partial(augment.flip, horizontal=False, vertical=True)
    np.testing.assert_array_equal(
        augment.compose(flip)(images, None, 0)[0], flip(images, None, 0)[0]
    )


def test_names_and_numbers(images, labels):
    by_name = augment.by_name("flip, crop:2,mixup:0.7", classes=CLASSES)
    by_hand = augment.compose(
        augment.flip,
        functools.partial(augment.crop, padding=2),
        functools.partial(augment.mixup, alpha=0.7, classes=CLASSES),
    )
    assert repr(by_name) == repr(by_hand)
    for ours, theirs in zip(by_name(images, labels, 0), by_hand(images, labels, 0), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", augment.names())
def test_every_name_is_the_function_of_that_name(name):
    assert augment.compose(name)._steps[0].function is getattr(augment, name)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("flip,cropp", UnknownName, "unknown augmentation 'cropp'; did you mean 'crop'"),
        ("", UnknownName, "unknown augmentation ''"),
        ("flip,,crop", UnknownName, "unknown augmentation ''"),
        (
            "crop:four",
            BadInput,
            "the padding of crop is 'four'; expected a whole number, 0 or more",
        ),
        ("crop:1.5", BadInput, "expected a whole number"),
        ("mixup:-1", BadInput, "the alpha of mixup is '-1'; expected a number, 0 to 100"),
        ("rotate:nan", BadInput, "the degrees of rotate"),
        ("flip:1", BadInput, "flip takes no number: write 'flip'"),
        ("crop:", BadInput, "the padding of crop is ''"),
    ],
)
def test_wrong_texts_are_refused(text, error, message):
    for read in (augment.check_names, augment.by_name):
        with pytest.raises(error, match=message):
            read(text)


def test_checking_names_does_not_load_tensorflow(python):
    done = python(
        "import sys; from tftrain import augment; augment.check_names('flip,crop:4,mixup:0.2');"
        "augment.by_name('flip,mixup', classes=3);"
        "print(sorted({'tensorflow', 'keras', 'scipy'} & set(sys.modules)))"
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("steps", "options", "message"),
    [
        ([], {}, "nothing to compose"),
        ([3], {}, "a step is 3; expected a name, a function or a partial"),
        (["flip"], {"dtype": "int32"}, "dtype is 'int32'; expected one of uint8"),
        ([functools.partial(augment.crop, pading=3)], {}, "did you mean 'padding'"),
        ([functools.partial(augment.crop, padding=-3)], {}, "padding is -3"),
        ([functools.partial(augment.crop, border="no")], {}, "unknown border 'no'"),
        ([functools.partial(augment.flip, None)], {}, "expected keyword settings only"),
    ],
)
def test_wrong_compositions_are_refused_when_made(steps, options, message):
    with pytest.raises(BadInput, match=message):
        augment.compose(steps, **options)
