"""What an export takes and gives, in lines for people."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tftrain.export.saved_model_files import signature_definitions
from tftrain.keras_api import tf


def described(folder: str | os.PathLike[str]) -> Iterator[str]:
    """A line for each signature of a SavedModel: its inputs and outputs with dtypes and shapes.

    Args:
        folder: Of the SavedModel.

    Example:
        >>> import tempfile
        >>> from tftrain import export, models
        >>> model = models.linear((2,), classes=3)
        >>> folder = export.saved_model(model, tempfile.mkdtemp(), signatures=[], verify=False)
        >>> list(described(folder))
        ['serving_default  inputs float32 [any, 2] -> outputs float32 [any, 3]']
    """
    definitions = signature_definitions(Path(folder))
    width = max(map(len, definitions))
    for name in sorted(definitions, key=lambda name: (name != "serving_default", name)):
        one = definitions[name]
        yield f"{name:{width}}  {_tensors(one.inputs)} -> {_tensors(one.outputs)}"


def _tensors(declared: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_tensor(declared[name])}" for name in sorted(declared))


def _tensor(info: Any) -> str:
    sizes = ("any" if dim.size < 0 else str(dim.size) for dim in info.tensor_shape.dim)
    return f"{tf.dtypes.as_dtype(info.dtype).name} [{', '.join(sizes)}]"
