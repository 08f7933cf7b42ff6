"""A LiteRT model run on one batch again and again, as by a program that holds the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tftrain.keras_api import tf
from tftrain.litert.lite_model import LiteModel


def invocation(lite: LiteModel, x: Any) -> Callable[[], Any]:
    """A call that sets the input, runs the model and fetches the outputs, and nothing else.

    `LiteModel.predict` also checks and arranges what it is given, which takes longer than a small
    model does. It is what runs where a model has several inputs, a batch of another size that is
    fixed, or an input of integers with a scale.

    Args:
        lite: The model.
        x: One batch, as `predict` takes it.

    Example:
        >>> import numpy as np
        >>> from tftrain import litert, models
        >>> call = invocation(litert.convert(models.mlp((8,), classes=3)), np.zeros((5, 8)))
        >>> [output.shape for output in call()]
        [(5, 3)]
    """
    (array,) = arrays if len(arrays := tf.nest.flatten(x)) == 1 else (None,)
    interpreter = LiteModel(lite.content, threads=lite.threads)._interpreter  # with its own tensors
    details = interpreter.get_input_details()
    if array is None or not _is_plain(details, len(array)):
        rows = len(arrays[0])
        return lambda: lite.predict(x, rows)
    place = details[0]["index"]
    array = array.astype(details[0]["dtype"])
    interpreter.resize_tensor_input(place, array.shape)
    interpreter.allocate_tensors()
    outputs = [detail["index"] for detail in interpreter.get_output_details()]

    def call() -> Any:
        interpreter.set_tensor(place, array)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    return call


def _is_plain(details: Any, rows: int) -> bool:
    fixed = int(details[0]["shape_signature"][0])
    return len(details) == 1 and not details[0]["quantization"][0] and fixed in (-1, rows)
