import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tftrain.data import load
from tftrain.errors import BadInput, UnknownName
from tftrain.evaluate import corruptions

SHAPES = ((4, 8, 8, 1), (3, 9, 6, 3))
NAMES = st.sampled_from(corruptions.NAMES)
SEEDS = st.integers(0, 2**31 - 1)


def corrupt(name, images, strength, seed=0, index=None):
    return getattr(corruptions, name)(images, strength, seed, index)


def images(seed, shape=SHAPES[0], dtype="float32"):
    return np.random.default_rng(seed).random(shape).astype(dtype)


@settings(deadline=None, max_examples=40)
@given(
    NAMES,
    st.sampled_from(corruptions.STRENGTHS),
    SEEDS,
    st.sampled_from(SHAPES),
    st.sampled_from(["float16", "float32", "float64"]),
)
def test_shape_type_and_range_stay_and_the_same_seed_does_the_same(
    name, strength, seed, shape, dtype
):
    given_images = images(seed, shape, dtype)
    kept = given_images.copy()
    first, again = (corrupt(name, given_images, strength, seed) for _ in range(2))
    assert first.shape == shape
    assert first.dtype == dtype
    assert first.min() >= 0
    assert first.max() <= 1
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(given_images, kept)


@settings(deadline=None, max_examples=12)
@given(NAMES, SEEDS)
def test_a_greater_strength_goes_further(name, seed):
    digits = load("digits").test.x[:64]
    distances = [
        np.square(corrupt(name, digits, strength, seed) - digits).mean()
        for strength in corruptions.STRENGTHS
    ]
    assert distances[0] > 0
    assert distances == sorted(distances)


@pytest.mark.parametrize("name", corruptions.NAMES)
def test_an_image_does_not_depend_on_its_batch(name):
    whole = corrupt(name, images(1), 3, seed=5)
    part = corrupt(name, images(1)[[2, 0]], 3, seed=5, index=np.array([2, 0]))
    np.testing.assert_allclose(part, whole[[2, 0]], atol=1e-6)


@pytest.mark.parametrize("name", ["noise", "rotation"])
def test_another_seed_draws_otherwise(name):
    many = np.concatenate([images(seed) for seed in range(4)])
    assert not np.array_equal(corrupt(name, many, 5, seed=1), corrupt(name, many, 5, seed=2))


def test_noise_has_the_deviation_of_its_strength():
    grey = np.full((20, 16, 16, 1), 0.5)
    assert (corruptions.noise(grey, 1) - grey).std() == pytest.approx(0.08, rel=0.03)


def test_brightness_and_contrast_by_hand():
    one = np.array([0.2, 0.4]).reshape(1, 1, 2, 1)
    np.testing.assert_allclose(corruptions.brightness(one, 5).ravel(), [0.7, 0.9], rtol=1e-6)
    np.testing.assert_allclose(corruptions.contrast(one, 2).ravel(), [0.25, 0.35], rtol=1e-6)


def test_a_turn_is_to_either_side_and_leaves_the_centre():
    cross = np.zeros((30, 9, 9, 1), "float32")
    cross[:, 4, :], cross[:, :4, 4] = 1, 0.5
    turned = corruptions.rotation(cross, 5, seed=0)
    assert len(np.unique(turned.round(4), axis=0)) == 2
    np.testing.assert_allclose(turned[:, 4, 4], 1, rtol=1e-5)


def test_blur_keeps_the_mean_and_lowers_the_spread():
    blurred = corruptions.blur(images(0), 5)
    assert blurred.mean() == pytest.approx(images(0).mean(), rel=1e-4)
    assert blurred.std() < images(0).std()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 8, 8)), "expected floats"),
        (np.zeros((0, 8, 8, 1)), "N at least 1"),
        (np.zeros((1, 8, 8, 1), "uint8"), "uint8"),
        (np.full((1, 8, 8, 1), 255.0), "images hold 255.0 to 255.0; expected 0 to 1"),
        (np.full((1, 8, 8, 1), np.nan), "expected 0 to 1"),
    ],
)
@pytest.mark.parametrize("name", corruptions.NAMES)
def test_other_images_are_refused(name, wrong, message):
    with pytest.raises(BadInput, match=message):
        corrupt(name, wrong, 1)


@pytest.mark.parametrize("strength", [0, 6, 1.5])
def test_other_strengths_are_refused(strength):
    with pytest.raises(BadInput, match="expected one of"):
        corruptions.noise(images(0), strength)


def test_an_unknown_corruption_is_named():
    with pytest.raises(UnknownName, match="did you mean 'noise'"):
        corruptions.cases(None, images(0), 2, names=["nois"])


class Echo:
    """A model that answers with its images' first pixel."""

    def predict(self, x, batch_size, verbose):
        return x[:, 0, 0, 0]


def test_cases_corrupt_all_images_part_by_part(monkeypatch):
    x = images(3, (5, 8, 8, 1))
    whole = corruptions.noise(x, 2, seed=7)[:, 0, 0, 0]
    monkeypatch.setattr(corruptions, "_ROWS", 2)
    cases = corruptions.cases(Echo(), x, 2, names=["noise", "blur"], seed=7)
    assert list(cases) == [(name, s) for name in ("noise", "blur") for s in (1, 2, 3, 4, 5)]
    np.testing.assert_allclose(cases["noise", 2]()[:, 1], whole, rtol=1e-6)
