"""The data of a `fit`, in the form that each engine takes."""

from __future__ import annotations

import functools
import math
from typing import Any

from keras.src.trainers.data_adapters import array_data_adapter, get_data_adapter

from tftrain.distribute import fingerprints
from tftrain.keras_api import keras, tf
from tftrain.training.array_chunks import ArrayChunks
from tftrain.training.dataset_chunks import DatasetChunks
from tftrain.training.fused_data import FusedData
from tftrain.training.multi_steps import enumerate_several
from tftrain.training.seeded_arrays import SeededArrays

_CHUNK_BYTES = 64 << 20
_MOST_STEPS = 1024
_SEVERAL = 32
_ROWS = 128  # taken for the batch size of a dataset that does not tell


class FitData:
    """Data for training or for validation.

    Args:
        arrays: (x, y, sample_weight) as `fit` takes them.
        batch_size: Rows of a batch of arrays.
        steps: `steps_per_epoch` or `validation_steps`.
        shuffle: As `fit` takes it.
        class_weight: As `fit` takes it.
        seed: Of the order of arrays.
    """

    def __init__(
        self,
        arrays: tuple[Any, Any, Any],
        *,
        batch_size: int | None,
        steps: int | None,
        shuffle: bool | str = False,
        class_weight: Any = None,
        seed: int | None = None,
    ) -> None:
        self._steps = steps
        options = {"batch_size": batch_size, "class_weight": class_weight}
        if array_data_adapter.can_convert_arrays(arrays) and shuffle != "batch":
            self.adapter = SeededArrays(
                arrays, shuffle=bool(shuffle), seed=seed, steps=steps, **options
            )
        else:
            x, y, sample_weight = arrays
            self.adapter = get_data_adapter(
                x, y, sample_weight, steps_per_epoch=steps, shuffle=shuffle, **options
            )

    @functools.cached_property
    def chunks(self) -> ArrayChunks | DatasetChunks:
        """Where chunks come from.

        Raises:
            TypeError: It cannot be had in chunks.
        """
        if isinstance(self.adapter, SeededArrays):
            return ArrayChunks(self.adapter)
        dataset = getattr(self.adapter, "_dataset", None)
        if not isinstance(dataset, tf.data.Dataset):
            kind = type(self.adapter).__name__.removesuffix("Adapter")
            raise TypeError(f"the data are read by Keras's {kind}, batch by batch")
        return DatasetChunks(dataset)

    @property
    def batches(self) -> int | None:
        """Batches in an epoch; None if that is not known."""
        return self._steps or self.adapter.num_batches

    def begin_epoch(self, epoch: int) -> None:
        """Says which epoch the next pass over arrays is."""
        if isinstance(self.adapter, SeededArrays):
            self.adapter.begin_epoch(epoch)

    def several_at_a_time(self, every: int | None = None) -> Any:
        """For `multi_step`: Keras's adapter, and how many steps to take at a time.

        Args:
            every: Steps are to end after every so many of an epoch.
        """
        steps = _SEVERAL
        if self._steps or every:  # with steps_per_epoch only a divisor ends where the epoch does
            whole = math.gcd(self._steps or 0, every or 0)
            steps = max(n for n in range(1, _SEVERAL + 1) if whole % n == 0)
        elif self.batches:
            steps = min(steps, self.batches)
        self.adapter.enumerate_steps = functools.partial(enumerate_several, steps)
        return self.adapter, steps

    def fused(
        self, most: int | None = None, every: int | None = None, secs: float | None = None
    ) -> FusedData:
        """For the fused engines: chunks of up to `most` batches, or of what memory is good for.

        Args:
            most: As said.
            every: A chunk is to end after every so many batches of an epoch.
            secs: A chunk is to take about so many seconds at most.
        """
        if most is None:
            most = self._capacity()
        elif self.batches:
            most = min(most, self.batches)
        return FusedData(self.chunks, most, every, secs)

    @property
    def order_seed(self) -> int | None:
        """The seed of the order of arrays; None if they are not shuffled, or not arrays."""
        return self.adapter.seed if isinstance(self.adapter, SeededArrays) else None

    @order_seed.setter
    def order_seed(self, seed: int | None) -> None:
        if seed is not None and isinstance(self.adapter, SeededArrays):
            self.adapter.seed = seed

    def description(self) -> dict[str, str]:
        """What tells these data from others, by topic; of arrays some rows are looked at."""
        if isinstance(self.adapter, SeededArrays):
            return self.adapter.description()
        dataset = getattr(self.adapter, "_dataset", None)
        spec = getattr(dataset, "element_spec", None)
        return {"data": fingerprints.of_data(spec) or type(self.adapter).__name__}

    def _capacity(self) -> int:
        specs = keras.tree.flatten(self.chunks.spec)
        size = sum(math.prod(n or _ROWS for n in spec.shape) * spec.dtype.size for spec in specs)
        most = max(1, min(_MOST_STEPS, _CHUNK_BYTES // max(1, size)))
        if self.batches is None:
            return most
        chunks = math.ceil(self.batches / most)
        return math.ceil(self.batches / chunks)
