"""TensorFlow's own readers and writers of `.tflite` files, which it does not export by name."""

from __future__ import annotations

import importlib
from typing import Any

from tftrain.keras_api import tf


def schema() -> Any:
    """The classes of the file's parts."""
    return _module("python.schema_py_generated")


def unpacked(content: bytes) -> Any:
    """A file as an object that can be changed."""
    return _module("tools.flatbuffer_utils").convert_bytearray_to_object(content)


def packed(model: Any) -> bytes:
    """Such an object as a file."""
    return bytes(_module("tools.flatbuffer_utils").convert_object_to_bytearray(model))


def _module(name: str) -> Any:
    tf.lite  # noqa: B018 - TensorFlow is loaded by its one door
    return importlib.import_module(f"tensorflow.lite.{name}")
