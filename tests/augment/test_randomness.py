import numpy as np
import pytest

from tftrain.augment import randomness
from tftrain.errors import BadInput
from tftrain.keras_api import tf


def word(value):
    return tf.constant(value, tf.uint32)


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_published_words(key, counter, expected):
    found = randomness.threefry(tuple(map(word, key)), tuple(map(word, counter)))
    assert tuple(int(one) for one in found) == expected


@pytest.fixture(scope="module")
def numbers():
    """A quarter of a million numbers: 4096 examples, 64 each."""
    return randomness.uniform(randomness.key(0, "a"), tf.range(4096), 64).numpy()


def test_numbers_lie_in_the_unit_interval(numbers):
    assert numbers.dtype == np.float32
    assert numbers.min() >= 0
    assert numbers.max() < 1


def test_numbers_are_uniform(numbers):
    counts = np.histogram(numbers, bins=256, range=(0, 1))[0]
    expected = numbers.size / 256
    squares = ((counts - expected) ** 2 / expected).sum()
    assert 180 < squares < 345  # chi-square, 255 degrees of freedom: 0.9998 of its mass


def correlation(left, right):
    return abs(np.corrcoef(left.ravel(), right.ravel())[0, 1])


def test_neighbours_seeds_and_purposes_are_unrelated(numbers):
    index = tf.range(4096)
    bound = 5 / np.sqrt(numbers.size - 4096)
    assert correlation(numbers[1:], numbers[:-1]) < bound
    assert correlation(numbers[:, 1:], numbers[:, :-1]) < bound
    for key in (randomness.key(1, "a"), randomness.key(0, "b"), randomness.key([0, 1], "a")):
        assert correlation(numbers, randomness.uniform(key, index, 64).numpy()) < bound


def test_a_row_depends_on_its_index_alone(numbers):
    rows = [7, 4095, 0, 7]
    again = randomness.uniform(randomness.key(0, "a"), tf.constant(rows), 64).numpy()
    np.testing.assert_array_equal(again, numbers[rows])


def test_more_numbers_begin_with_the_fewer(numbers):
    fewer = randomness.uniform(randomness.key(0, "a"), tf.range(4096), 3).numpy()
    np.testing.assert_array_equal(fewer, numbers[:, :3])


@pytest.mark.parametrize("far", [2**32, 2**40 + 1, -1, -(2**63)])
def test_numbers_far_away_are_other_numbers(far):
    key = randomness.key(0, "a")
    near, away = randomness.uniform(key, tf.constant([far % 2**32, far], tf.int64), 8).numpy()
    assert not (near == away).any()
    assert not np.array_equal(randomness.key(far, "a"), randomness.key(far % 2**32, "a"))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint32"])
def test_a_seed_may_have_any_integer_type(dtype):
    expected = randomness.key(5, "a").numpy()
    np.testing.assert_array_equal(randomness.key(tf.constant(5, dtype), "a"), expected)
    np.testing.assert_array_equal(randomness.key(np.array([5, 0], dtype), "a"), expected)


@pytest.mark.parametrize("seed", [1.5, [1, 2, 3], [[1, 2]], [], True])
def test_other_seeds_are_refused(seed):
    with pytest.raises(BadInput, match="expected an integer, or two of them"):
        randomness.key(seed, "a")


def test_repetitions_have_seeds_of_their_own():
    seeds = [tuple(randomness.another(3, number).numpy()) for number in range(4)]
    assert seeds[0] == (3, 0)
    assert len(set(seeds)) == 4
