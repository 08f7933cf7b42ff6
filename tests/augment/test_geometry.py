import numpy as np
import pytest

from tests.augment.conftest import make_images
from tftrain import augment
from tftrain.augment import resampling
from tftrain.augment.transforms import Transform
from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import tf

PADDING = {"zero": "constant", "edge": "edge", "reflect": "reflect"}


def places_in(padded, image):
    """Where, in a larger image, an image is found pixel for pixel."""
    height, width = image.shape[:2]
    return [
        (y, x)
        for y in range(padded.shape[0] - height + 1)
        for x in range(padded.shape[1] - width + 1)
        if np.array_equal(padded[y : y + height, x : x + width], image)
    ]


@pytest.mark.parametrize("dtype", ["uint8", "float32", "bfloat16"])
def test_flips_are_mirror_images_half_of_the_time(dtype):
    images = make_images(400, 5, 4, 3, dtype)
    flipped = np.asarray(augment.flip(images, None, 0, vertical=True)[0])
    counts = {"none": 0, "across": 0, "down": 0, "both": 0}
    for image, found in zip(np.asarray(images), flipped, strict=True):
        candidates = (image, image[:, ::-1], image[::-1], image[::-1, ::-1])
        same = [np.array_equal(found, candidate) for candidate in candidates]
        counts[list(counts)[same.index(True)]] += 1
    assert min(counts.values()) > 65  # a quarter each: 100, give or take four deviations


@pytest.mark.parametrize("border", resampling.BORDERS)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_crops_are_windows_of_the_padded_image(border, dtype):
    images = np.asarray(make_images(200, 6, 7, 3, dtype))
    cropped = augment.crop(images, None, 0, padding=2, border=border)[0].numpy()
    widths = [(0, 0), (2, 2), (2, 2), (0, 0)]
    padded = np.pad(images, widths, mode=PADDING[border])
    places = {
        places_in(*pair)[0] for pair in zip(padded, cropped, strict=True)
    }  # fails where an image is nowhere
    assert places == {(y, x) for y in range(5) for x in range(5)}


def test_padding_larger_than_the_image():
    cropped = augment.crop(make_images(50, 3, 4, 1), None, 0, padding=9)[0].numpy()
    assert (cropped == 0).all(axis=(1, 2, 3)).any()


def tf_kernel(images, transform):
    """TensorFlow's own resampling, which fills with zeros as we do."""
    fields = tf.stack([*transform, *[tf.zeros_like(transform.xx)] * 2], axis=1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=fields,
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
    )


def test_resampling_is_that_of_tensorflows_kernel():
    random = np.random.default_rng(1)
    fields = np.float32([1, 0, 0, 0, 1, 0]) + random.normal(size=(20, 6)).astype(
        np.float32
    ) * np.float32([0.3, 0.3, 4, 0.3, 0.3, 4])
    transform = Transform(*tf.unstack(tf.constant(fields), axis=1))
    images = make_images(20, 13, 18, 3, "float32")
    ours = resampling.resampled(images, transform, "zero", False, tf.float32)
    # Its coordinates are divided by a projective one, so they differ in the last bits.
    np.testing.assert_allclose(ours, tf_kernel(images, transform), atol=1e-4)


@pytest.mark.parametrize("border", resampling.BORDERS)
def test_between_pixels_borders_are_those_of_a_padded_image(border):
    images = make_images(1, 5, 6, 2, "float32")
    x, y = np.meshgrid(np.arange(-4, 9) + 0.25, np.arange(-3, 7) + 0.5)
    x, y = np.float32(x)[np.newaxis], np.float32(y)[np.newaxis]
    found = resampling.between_pixels(images, x, y, border)
    padded = np.pad(images, [(0, 0), (4, 4), (4, 4), (0, 0)], mode=PADDING[border])
    expected = resampling.between_pixels(tf.constant(padded), x + 4, y + 4, "zero")
    np.testing.assert_allclose(found, expected, atol=1e-6)


def turned(images, degrees):
    """Images turned by exactly these degrees, through the public function."""
    many = tf.repeat(images, 4000, axis=0)
    turned, _ = augment.rotate(many, None, 0, degrees=degrees)
    return turned.numpy()


def test_rotation_turns_clockwise_or_back_and_no_further():
    image = np.zeros((1, 9, 9, 1), np.float32)
    image[0, 0, 4] = 1  # at twelve o'clock
    angles = []
    for one in turned(image, degrees=90)[..., 0]:
        y, x = np.unravel_index(one.argmax(), one.shape)
        angles.append(np.degrees(np.arctan2(x - 4, 4 - y)))
    assert -90 <= min(angles) < -80
    assert 80 < max(angles) <= 90


def test_a_half_turn_and_its_inverse_give_the_image_back():
    cos, sin = tf.constant([0.0]), tf.constant([1.0])
    from tftrain.augment.transforms import about_centre

    images = make_images(1, 7, 7, 3)
    quarter = about_centre((7, 7), cos, sin, -sin, cos)
    once = resampling.resampled(images, quarter, "zero", False, tf.uint8)
    np.testing.assert_array_equal(once[0], np.rot90(images[0], -1))
    twice = resampling.resampled(images, quarter.then(quarter), "zero", False, tf.uint8)
    np.testing.assert_array_equal(twice[0], images[0, ::-1, ::-1])


def test_scale_and_shear_stay_within_their_settings():
    image = np.zeros((1, 41, 41, 1), np.float32)
    image[0, 10:31, 20] = 1  # an upright bar, 21 pixels high
    many = np.repeat(image, 500, axis=0)
    scaled, _ = augment.affine(many, None, 0, degrees=0, scale=0.5, shear=0)
    heights = (scaled.numpy()[..., 0].sum(axis=2) > 0.25).sum(axis=1)
    assert 10 <= heights.min() < 13
    assert 29 < heights.max() <= 33  # with the rows that interpolation adds
    sheared, _ = augment.affine(many, None, 0, degrees=0, scale=0, shear=0.5)
    tops = (sheared.numpy()[:, 11, :, 0] * np.arange(41)).sum(axis=1) - 20
    assert -4.6 < tops.min() < -4.2  # 9 rows above the centre, by up to half a pixel each
    assert 4.2 < tops.max() < 4.6


def test_translation_is_a_share_of_each_side():
    image = np.zeros((1, 20, 40, 1), np.float32)
    image[0, 10, 20] = 1
    moved = augment.translate(np.repeat(image, 500, axis=0), None, 0, amount=0.25)[0].numpy()[
        ..., 0
    ]
    across = (moved * np.arange(40)).sum(axis=(1, 2)) - 20
    down = (moved * np.arange(20)[:, np.newaxis]).sum(axis=(1, 2)) - 10
    assert 9.8 < across.max() <= 10.001
    assert 4.8 < down.max() <= 5.001
    assert abs(across.mean()) < 1
    assert abs(np.corrcoef(across, down)[0, 1]) < 0.2


def test_elastic_displacements_are_as_large_as_asked():
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32) / 64, (40, 64, 64))[..., np.newaxis]
    warped, _ = augment.elastic(ramp, None, 0, amount=0.03, smoothness=0.1, border="edge")
    displaced = (warped.numpy() - ramp)[:, 8:-8, 8:-8] * 64
    assert displaced.std() == pytest.approx(0.03 * 64, rel=0.1)
    assert np.abs(np.diff(displaced, axis=1)).max() < 1.5  # smooth: neighbours move alike


@pytest.mark.parametrize(
    "name", ["affine", "crop", "elastic", "rand_augment", "rotate", "translate"]
)
def test_an_unknown_border_is_refused(name, images):
    with pytest.raises(UnknownName, match="unknown border 'wrap'"):
        getattr(augment, name)(images, None, 0, border="wrap")


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("crop", {"padding": 1.5}, "crop: padding is 1.5; expected a whole number, 0 or more"),
        ("crop", {"padding": -1}, "expected a whole number, 0 or more"),
        ("rotate", {"degrees": 200}, "degrees is 200; expected a number, 0 to 180"),
        ("affine", {"scale": 1}, "scale is 1; expected a number, 0 to 0.9"),
        ("elastic", {"amount": float("nan")}, "amount is nan; expected a number, 0 to 1"),
        ("hue", {"amount": "much"}, "amount is 'much'; expected a number, 0 to 0.5"),
        ("cutout", {"size": True}, "size is True; expected a number, 0 to 1"),
    ],
)
def test_settings_outside_their_limits_are_refused(name, setting, message, images):
    with pytest.raises(BadInput, match=message):
        getattr(augment, name)(images, None, 0, **setting)
