"""Values cut into the shards of a layout, and put together again, without a copy on each device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tftrain.keras_api import tf


def put(value: Any, layout: Any) -> Any:
    """Gives a tensor, or an array, to the devices of a layout's mesh: each its shard.

    Args:
        value: Known here, `[...]`; each dimension a multiple of the axis it is cut over.
        layout: A `dtensor.Layout` of its rank.

    Returns:
        A DTensor of the same shape and dtype.
    """
    from tensorflow.experimental import dtensor

    value = tf.convert_to_tensor(value)
    return dtensor.pack([value[where] for where in places(value.shape, layout)], layout)


def gathered(tensor: Any) -> np.ndarray:
    """The whole of a DTensor, on the host."""
    from tensorflow.experimental import dtensor

    layout = dtensor.fetch_layout(tensor)
    parts = dtensor.unpack(tensor)
    if layout.is_fully_replicated():
        return parts[0].numpy()
    whole = np.empty(tensor.shape, tensor.dtype.as_numpy_dtype)
    for where, part in zip(places(tensor.shape, layout), parts, strict=True):
        whole[where] = part.numpy()
    return whole


def places(shape: Any, layout: Any) -> Iterator[tuple[slice, ...]]:
    """Which part of a value each device of the mesh holds, in the mesh's order."""
    for device in layout.mesh.local_device_locations():
        yield tuple(
            _part(size, axis, device, layout)
            for size, axis in zip(shape, layout.sharding_specs, strict=True)
        )


def _part(size: int, axis: str, device: dict[str, int], layout: Any) -> slice:
    if axis not in device:
        return slice(None)
    length = size // layout.mesh.dim_size(axis)
    return slice(device[axis] * length, (device[axis] + 1) * length)
