"""Colours, tones, cutout and RandAugment, beside other implementations."""

import colorsys

import numpy as np
import pytest

from tests.augment.conftest import make_images
from tftrain import augment
from tftrain.augment import color, policies, tones
from tftrain.errors import BadInput
from tftrain.keras_api import tf


@pytest.fixture(scope="module")
def pixels():
    return make_images(3, 9, 11, 3, "float32")


def amounts(value):
    return tf.constant([value] * 3, tf.float32)


def test_brightness_adds_one_number_to_an_image():
    images = np.full((300, 2, 3, 3), 0.5, np.float32)
    change = augment.brightness(images, None, 0, amount=0.3)[0].numpy() - 0.5
    assert np.ptp(change, axis=(1, 2, 3)).max() == 0
    assert -0.3 <= change.min() < -0.28
    assert 0.28 < change.max() <= 0.3


def test_saturation_is_that_of_tf_image(pixels):
    # tf.image works in HSV: it agrees on no change and on none left, up to the kind of grey.
    grey = np.asarray(color.saturated(pixels, amounts(-1)))
    assert np.ptp(grey, axis=-1).max() < 1e-6
    np.testing.assert_allclose(
        grey, tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(pixels)), atol=2e-3
    )


def test_contrast_keeps_the_mean_and_scales_distances(pixels):
    changed = np.asarray(color.contrasted(pixels, amounts(0.5)))
    mean = np.mean(pixels, axis=(1, 2, 3))
    np.testing.assert_allclose(changed.mean(axis=(1, 2, 3)), mean, atol=1e-6)
    np.testing.assert_allclose(
        changed.std(axis=(1, 2, 3)), 1.5 * np.std(pixels, axis=(1, 2, 3)), rtol=1e-5
    )


def test_hue_turns_colours_and_keeps_their_luma(pixels):
    turned = np.asarray(color.turned(pixels, amounts(1 / 3)))
    np.testing.assert_allclose(turned @ color.LUMA, np.asarray(pixels) @ color.LUMA, atol=1e-5)
    np.testing.assert_allclose(color.turned(pixels, amounts(1.0)), pixels, atol=1e-5)
    muted_red = np.full((1, 1, 1, 3), [0.6, 0.4, 0.4], np.float32)
    angles = [
        colorsys.rgb_to_hsv(*np.asarray(color.turned(muted_red, tf.constant([turn])))[0, 0, 0])[0]
        for turn in (0.0, 1 / 3, 2 / 3)
    ]
    assert sorted(np.round(np.multiply(angles, 3)) % 3) == [0, 1, 2]  # red, and two other primaries


@pytest.mark.parametrize("name", ["saturation", "hue", "rand_augment"])
def test_two_channels_have_no_colour(name):
    with pytest.raises(BadInput, match=r"images have 2 channels; .* need 1 \(grey\) or 3"):
        getattr(augment, name)(make_images(2, 4, 4, 2), None, 0)


def test_cutout_blanks_one_rectangle_of_at_most_the_size():
    images = np.full((200, 20, 30, 2), 9, np.uint8)
    blank = augment.cutout(images, None, 0, size=0.5, fill=1.0)[0].numpy() == 255
    assert (blank.any(axis=-1) == blank.all(axis=-1)).all()
    high, wide = (blank[..., 0].any(axis=axis).sum(axis=1) for axis in (2, 1))
    np.testing.assert_array_equal(blank[..., 0].sum(axis=(1, 2)), high * wide)
    assert high.max() == wide.max() == 10
    assert high.min() >= 5
    hits = blank[..., 0].mean(axis=0)
    assert hits.min() > 0  # every pixel is blanked now and then


def test_tones_beside_numpy(pixels):
    levels = np.round(np.asarray(pixels) * 255)
    posterized = np.asarray(tones.posterized(pixels, amounts(3.0))) * 255
    np.testing.assert_allclose(posterized, levels // 32 * 32, atol=1e-4)
    solarized = np.asarray(tones.solarized(pixels, amounts(0.5)))
    np.testing.assert_allclose(solarized, np.where(levels > 127, 1 - pixels, pixels), atol=1e-6)
    stretched = np.asarray(tones.autocontrasted(pixels * 0.5 + 0.2))
    assert (stretched.min(axis=(1, 2)) == 0).all()
    np.testing.assert_allclose(stretched.max(axis=(1, 2)), 1, atol=1e-6)


def test_equalize_makes_the_histogram_even():
    dark = tf.constant(np.random.default_rng(0).random((2, 64, 64, 3), np.float32) ** 3)
    even = np.asarray(tones.equalized(dark))
    for share in (0.25, 0.5, 0.75):
        # The byte 0 holds a sixth of the pixels, which stay together.
        np.testing.assert_allclose(np.quantile(even, share, axis=(1, 2)), share, atol=0.17)
    order = np.argsort(np.asarray(dark)[0, ..., 0], axis=None)
    assert (np.diff(even[0, ..., 0].ravel()[order]) >= 0).all()


def test_flat_channels_stay():
    flat = tf.fill([2, 4, 5, 3], 0.3)
    np.testing.assert_array_equal(tones.equalized(flat), flat)
    np.testing.assert_array_equal(tones.autocontrasted(flat), flat)
    np.testing.assert_allclose(tones.sharpened(flat, tf.constant([0.9, -0.9])), flat, atol=1e-6)


def test_sharpening_is_a_convolution(pixels):
    kernel = np.ones((3, 3), np.float32)
    kernel[1, 1] = 5
    kernel = np.tile((kernel / 13)[..., np.newaxis, np.newaxis], (1, 1, 3, 1))
    smooth = tf.nn.depthwise_conv2d(pixels, kernel, [1] * 4, "VALID")
    found = tones.sharpened(pixels, amounts(-1))[:, 1:-1, 1:-1]
    np.testing.assert_allclose(found, smooth, atol=1e-6)


def test_every_operation_of_rand_augment_is_drawn_and_does_what_it_says():
    many = np.tile(make_images(1, 12, 12, 3), (600, 1, 1, 1))
    changed, _ = augment.rand_augment(many, None, 0, layers=1)
    kinds = {image.tobytes() for image in changed.numpy()}
    # Ten operations go either way; identity, autocontrast, equalize, solarize and posterize do not.
    two_ways = len(policies.OPERATIONS) - 5
    assert len(kinds) == 2 * two_ways + 5
    assert many[0].tobytes() in kinds


def test_more_layers_change_more():
    images = make_images(64, 16, 16, 3)
    unchanged = [
        np.mean(
            np.all(
                augment.rand_augment(images, None, 0, layers=layers)[0] == images, axis=(1, 2, 3)
            )
        )
        for layers in (1, 3)
    ]
    assert unchanged[1] < unchanged[0] < 0.2
