"""Many small tensors sent as one: fetching a tensor from a worker costs a round trip each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tftrain.keras_api import tf


class Packing:
    """Packs a step's logs and metric states in a traced function, and unpacks them outside.

    Scalar logs and all states travel in one float64 vector, exact for integers up to 2**53.
    Other logs, whose shapes may depend on the batch, travel as they are.

    Example:
        >>> packing = Packing()
        >>> packed = packing.pack({"loss": tf.constant(0.5)}, [tf.constant([1, 2])])
        >>> packing.unpack(packed)
        ({'loss': array(0.5, dtype=float32)}, [array([1, 2], dtype=int32)])
    """

    def __init__(self) -> None:
        self._logs: Any = None
        self._specs: list[tuple[tuple[int, ...], Any] | None] = []

    def pack(self, logs: dict[str, Any], states: Sequence[tf.Tensor]) -> tuple[Any, list[Any]]:
        """Returns the vector, and the logs that do not fit in it."""
        self._logs = tf.nest.map_structure(lambda _: 0, logs)
        leaves = [*tf.nest.flatten(logs), *states]
        first_state = len(leaves) - len(states)
        self._specs = [
            _spec(leaf) if i >= first_state or _is_scalar(leaf) else None
            for i, leaf in enumerate(leaves)
        ]
        pairs = list(zip(leaves, self._specs, strict=True))
        numbers = [tf.reshape(tf.cast(leaf, tf.float64), [-1]) for leaf, spec in pairs if spec]
        vector = tf.concat(numbers, axis=0) if numbers else tf.zeros([0], tf.float64)
        return vector, [leaf for leaf, spec in pairs if not spec]

    def unpack(self, packed: tuple[Any, list[Any]]) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Returns the logs and the states, from fetched tensors."""
        vector, rest = np.asarray(packed[0]), iter(packed[1])
        leaves: list[Any] = []
        for spec in self._specs:
            if spec is None:
                leaves.append(next(rest))
                continue
            shape, dtype = spec
            part, vector = np.split(vector, [int(np.prod(shape))])
            leaves.append(part.astype(dtype).reshape(shape))
        count = len(tf.nest.flatten(self._logs))
        return tf.nest.pack_sequence_as(self._logs, leaves[:count]), leaves[count:]


def _spec(leaf: tf.Tensor) -> tuple[tuple[int, ...], Any]:
    return tuple(leaf.shape.as_list()), leaf.dtype.as_numpy_dtype


def _is_scalar(leaf: Any) -> bool:
    return isinstance(leaf, tf.Tensor) and leaf.shape.rank == 0 and leaf.dtype != tf.string
