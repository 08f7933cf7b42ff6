"""Arrays as training data, in an order that follows from a seed and the epoch.

Keras shuffles arrays by `tf.random.shuffle`, which under a global seed gives every epoch the same
order (seen in Keras 3.12.4 and 3.15.1). Here each epoch has a permutation of its own, the same
for every engine and, from the same seed, the same as `data.pipeline` gives.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from keras.src.trainers.data_adapters.array_slicing import convert_to_sliceable

from tftrain.distribute.keras_bridge.shared_randomness import EpochShuffles
from tftrain.keras_api import keras, tf

_LARGEST_SEED = 2**31 - 1
_SAMPLED_ROWS = 64


class SeededArrays(ArrayDataAdapter):
    """Keras's arrays, for each of its engines and ours.

    Args:
        arrays: (x, y, sample_weight), each an array, a structure of them, or None.
        shuffle: Whether to permute them.
        seed: Of the permutations; None draws one when they are first needed, from NumPy's global
            generator, which `keras.utils.set_random_seed` seeds.
        **options: `batch_size`, `class_weight` and `steps`, as Keras's adapter takes them.
    """

    def __init__(
        self, arrays: tuple[Any, Any, Any], *, shuffle: bool, seed: int | None, **options: Any
    ) -> None:
        super().__init__(*arrays, shuffle=shuffle, **options)
        self._seed, self._seed_is_given = seed, seed is not None
        self._shuffles: EpochShuffles | None = None
        self._epoch = 0

    @property
    def seed(self) -> int | None:
        """The seed of the permutations; None if there are none, or none yet."""
        return self._seed if self._shuffle else None

    @seed.setter
    def seed(self, seed: int) -> None:
        if self._seed is None:
            _drawn()  # as without a checkpoint, so that the next `fit` draws what it would have
        self._seed = seed
        if self._shuffles is not None:
            self._shuffles.set_seed(seed)

    def description(self) -> dict[str, str]:
        """What tells these arrays, and how they are read, from others, by topic."""
        order = f"shuffled by seed {self._seed}" if self._seed_is_given else "shuffled"
        return {
            "data": ", ".join(map(described, keras.tree.flatten(self._inputs))),
            "batch size": str(self.batch_size),
            "order of the data": order if self._shuffle else "as given",
        }

    def begin_epoch(self, epoch: int) -> None:
        """Says which epoch the next pass is."""
        self._epoch = epoch
        if self._shuffles is not None:
            self._shuffles.set_epoch(epoch)

    def get_tf_dataset(self) -> tf.data.Dataset:
        """See Keras's adapter."""
        if not self._shuffle:
            return super().get_tf_dataset()
        with self._seeded().in_place_of_unseeded():
            return super().get_tf_dataset()

    def places(self) -> tf.Tensor:
        """The positions `[N]`, int32, of this epoch's examples."""
        places = tf.range(self._num_samples)
        return self._seeded().shuffled(places) if self._shuffle else places

    @property
    def nbytes(self) -> int:
        """What the arrays take, about."""
        arrays = [a for a in keras.tree.flatten(self._inputs) if a is not None]
        return sum(getattr(array, "nbytes", 0) for array in arrays)

    def columns(self) -> Any:
        """The arrays as a structure of dense tensors `[N, ...]`, as Keras would feed them.

        Raises:
            TypeError: They are no dense tensors of numbers.
        """
        sliceable = convert_to_sliceable(self._inputs, target_backend="tensorflow")
        return keras.tree.map_structure(_dense, keras.tree.lists_to_tuples(sliceable))

    def _seeded(self) -> EpochShuffles:
        if self._shuffles is None:
            if self._seed is None:
                self._seed = _drawn()
            self._shuffles = EpochShuffles(self._seed)
            self._shuffles.set_epoch(self._epoch)
        return self._shuffles


def described(array: Any) -> str:
    """Dtype and shape of an array, and a checksum of some of its rows, evenly apart."""
    if array is None:
        return "none"
    last, checksum = int(array.shape[0]) - 1, 0
    for place in sorted({round(part * last / _SAMPLED_ROWS) for part in range(_SAMPLED_ROWS + 1)}):
        checksum = zlib.crc32(np.asarray(array[place : place + 1]).tobytes(), checksum)
    dtype = getattr(array.dtype, "name", array.dtype)
    return f"{dtype}{list(array.shape)} of checksum {checksum:08x}"


def _drawn() -> int:
    return int(np.random.randint(_LARGEST_SEED))


def _dense(array: Any) -> Any:
    tensor = tf.convert_to_tensor(array)
    if tensor.dtype == tf.string:
        raise TypeError("strings")
    return tensor
