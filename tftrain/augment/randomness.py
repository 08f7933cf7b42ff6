"""Random numbers that depend on a seed and an example's number, and on nothing else.

TensorFlow's stateless generators take one seed for a whole tensor, so a value there depends on its
place in the batch. A counter-based generator is a hash of (key, counter): every example's counter
is its own number, and any part of a batch can be computed alone.

Reference: Salmon et al., *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011 (Threefry-2x32
with 20 rounds, the variant that JAX uses).
"""

from __future__ import annotations

import zlib
from typing import Any

from tftrain.augment.programs import compiled
from tftrain.errors import BadInput
from tftrain.keras_api import tf

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA


def threefry(
    key: tuple[tf.Tensor, tf.Tensor], counter: tuple[tf.Tensor, tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Threefry-2x32: two random words for each pair of a key and a counter.

    Args:
        key: Two uint32 tensors.
        counter: Two uint32 tensors that broadcast with those of the key.

    Returns:
        Two uint32 tensors.
    """
    keys = (*key, tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(*key), _word(_PARITY)))
    left, right = counter[0] + keys[0], counter[1] + keys[1]
    for turn in range(20):
        left = left + right
        right = tf.bitwise.bitwise_xor(_rotated(right, _ROTATIONS[turn % 8]), left)
        if turn % 4 == 3:
            injection = turn // 4 + 1
            left = left + keys[injection % 3]
            right = right + keys[(injection + 1) % 3] + _word(injection)
    return left, right


def words(integers: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """The low and high 32 bits of integers, as two uint32 tensors."""
    halves = tf.bitcast(tf.cast(integers, tf.int64), tf.uint32)
    return halves[..., 0], halves[..., 1]


def key(seed: Any, name: str) -> tf.Tensor:
    """A key for one purpose: the same seed under two names gives unrelated numbers.

    Args:
        seed: An integer, or integers of shape [] or [2].
        name: What the numbers are for.

    Returns:
        uint32 of shape [2].

    Raises:
        BadInput: `seed` is not made of integers, or has another shape.
    """
    return _key(_pair(seed), tf.constant(zlib.crc32(name.encode()), tf.int64))


def another(seed: Any, number: int) -> tf.Tensor:
    """A seed of shape [2] for the repetition `number` of a purpose; repetition 0 is `seed` itself.

    Raises:
        BadInput: As `key`.
    """
    pair = _pair(seed)
    if number == 0:
        return pair
    return tf.cast(key(pair, f"repetition {number}"), tf.int64)


def uniform(key: tf.Tensor, index: tf.Tensor, count: int) -> tf.Tensor:
    """Uniform numbers in [0, 1), multiples of 2**-24.

    Args:
        key: From `key`.
        index: The examples' numbers, integers `[B]`.
        count: Numbers an example.

    Returns:
        float32 `[B, count]`; row r depends on the key and `index[r]` alone.
    """
    return _uniform(key, tf.cast(index, tf.int64), count)


@compiled
def _key(pair: tf.Tensor, purpose: tf.Tensor) -> tf.Tensor:
    mixed = threefry(words(pair[0]), words(pair[1]))
    return tf.stack(threefry(mixed, words(purpose)))


@compiled
def _uniform(key: tf.Tensor, index: tf.Tensor, count: int) -> tf.Tensor:
    low, high = (word[:, tf.newaxis] for word in words(index))
    number = tf.cast(tf.range(count), tf.uint32)
    bits, _ = threefry((key[0], tf.bitwise.bitwise_xor(key[1], high)), (low, number))
    return tf.cast(tf.bitwise.right_shift(bits, _word(8)), tf.float32) * 2.0**-24


def _pair(seed: Any) -> tf.Tensor:
    seed = tf.convert_to_tensor(seed)
    if not seed.dtype.is_integer or seed.shape.rank not in (0, 1) or seed.shape not in ([], [2]):
        raise BadInput(
            f"the seed has type {seed.dtype.name} and shape {seed.shape}; expected an integer, or "
            "two of them: [seed, step] in a pipeline that counts its batches"
        )
    seed = tf.cast(seed, tf.int64)
    return tf.stack([seed, tf.zeros_like(seed)]) if seed.shape.rank == 0 else seed


def _rotated(word: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.bitwise_or(
        tf.bitwise.left_shift(word, _word(bits)), tf.bitwise.right_shift(word, _word(32 - bits))
    )


def _word(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint32)
