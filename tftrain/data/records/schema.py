"""What a record holds: how examples become tf.train.Example messages and arrays again."""

from __future__ import annotations

import dataclasses

import numpy as np

from tftrain.errors import DataError
from tftrain.keras_api import tf

RAW, IMAGE = "raw", "image"
# What TensorFlow can read as raw bytes; others become the next that holds all their values.
_STORED = {"uint32": "int64", "bool": "uint8"}
_RAW_DTYPES = (
    "uint8", "int8", "uint16", "int16", "int32", "int64", "float16", "float32", "float64",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Schema:
    """The features of every record: `x`, and the class index `y` (int64).

    Attributes:
        encoding: `raw`, an array's little-endian bytes, or `image`, the bytes of a JPEG or PNG.
        dtype: Type of the values of `x`.
        shape: Shape of one `x`; `(H, W, C)` for images, `(D,)` for tables.
        columns: Names of the D columns of a table; empty for anything else.
    """

    encoding: str
    dtype: str
    shape: tuple[int, ...]
    columns: tuple[str, ...] = ()

    def decode(self, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A batch of records as arrays; runs eagerly and in `Dataset.map`.

        Raw arrays are decoded all at once. Images are decoded one after another (`tf.map_fn`):
        map this over batches with `num_parallel_calls=tf.data.AUTOTUNE` and the cores share them.

        Args:
            serialized: Records `[B]`, strings.

        Returns:
            x `[B, *shape]` as stored, and y `[B]`, int64.
        """
        x, y = _features(serialized)
        if self.encoding == IMAGE:
            x = tf.map_fn(self._image, x, fn_output_signature=tf.uint8)
        else:
            x = tf.io.decode_raw(x, self.dtype)
        return tf.reshape(x, (-1, *self.shape)), y

    def _image(self, content: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_image(content, channels=self.shape[-1], expand_animations=False)
        return tf.ensure_shape(image, self.shape)


class Encoder:
    """Makes records; one a thread, since it fills the same message again and again."""

    def __init__(self) -> None:
        self._example = tf.train.Example()
        self._x = self._example.features.feature["x"].bytes_list.value
        self._y = self._example.features.feature["y"].int64_list.value
        self._x.append(b"")
        self._y.append(0)

    def encode(self, x: np.ndarray | bytes, y: int) -> bytes:
        """One record.

        Args:
            x: An array, of the type and byte order it is stored in, or an image file's bytes.
            y: Class index.
        """
        self._x[0] = x if isinstance(x, bytes) else x.tobytes()
        self._y[0] = int(y)
        return self._example.SerializeToString(deterministic=True)


def labels_of(serialized: tf.Tensor) -> tf.Tensor:
    """Class indices `[B]` of records `[B]`, the rest left unread."""
    return tf.io.parse_example(serialized, {"y": tf.io.FixedLenFeature([], tf.int64)})["y"]


def storable(x: np.ndarray) -> np.ndarray:
    """The array in the type and byte order it is stored in.

    Raises:
        DataError: Of a type that records cannot hold.
    """
    dtype = _STORED.get(x.dtype.newbyteorder("=").name, x.dtype.newbyteorder("=").name)
    if dtype not in _RAW_DTYPES:
        raise DataError(f"values of type {x.dtype}; expected one of {', '.join(_RAW_DTYPES)}")
    return x.astype(np.dtype(dtype).newbyteorder("<"), copy=False)


def _features(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    spec = {
        "x": tf.io.FixedLenFeature([], tf.string),
        "y": tf.io.FixedLenFeature([], tf.int64),
    }
    parsed = tf.io.parse_example(serialized, spec)
    return parsed["x"], parsed["y"]
