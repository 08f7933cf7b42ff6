"""Export a model as a `.tflite` file for LiteRT."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tftrain import litert
from tftrain.atomic import replace_file
from tftrain.errors import ExportError
from tftrain.keras_api import keras
from tftrain.whole_models import takes_whole_model


@takes_whole_model
def tflite(
    model: keras.Model,
    path: str | os.PathLike[str],
    quantization: str | None = None,
    representative: Any = None,
    *,
    integer_io: bool = False,
    seed: int = 0,
) -> Path:
    """Writes a LiteRT file that answers as the model does, replacing `path` atomically.

    The file is read back and compared with the model before it takes its name: what was at `path`
    stays whole if anything fails.

    Args:
        model: Functional, Sequential, or subclassed with one input; built.
        path: Ends in `.tflite`.
        quantization: None for float32, "dynamic", "float16", "int8" or "int4".
        representative: Examples of the inputs, which "int8" needs: an array `[N, ...]` (several
            in a list or a dict), `(x, y)`, something with `.x`, or a batched dataset. They also
            serve the comparison, for which random inputs are made otherwise.
        integer_io: With "int8": inputs and outputs are int8 too.
        seed: Of the choice of examples.

    Returns:
        The path.

    Raises:
        ExportError: `path` does not end in `.tflite`.
        CompressionError: The model cannot be converted; said before any work.
        UnknownName: There is no such mode.
        ConversionFailed: The converter crashed or gave up, or what it wrote answers otherwise.
    """
    path = Path(path)
    if path.suffix != ".tflite":
        raise ExportError(f"{path} ends in {path.suffix!r}; expected '.tflite'")
    lite = litert.convert(model, quantization, representative, integer_io=integer_io, seed=seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as temporary:
        temporary.write_bytes(lite.content)
        examples = litert.example_inputs(model, representative, seed=seed)
        litert.require_alike(model, litert.LiteModel.load(temporary), examples, quantization)
    return path
