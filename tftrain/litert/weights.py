"""The numbers that a LiteRT file holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from tftrain.litert import file_format

_FLOATS = ("FLOAT16", "FLOAT32", "FLOAT64")
_INTEGERS = ("INT8", "UINT8", "INT16", "INT32", "INT64")
_PACKED = "INT4"  # two in a byte


def weights_of(content: bytes) -> dict[str, np.ndarray]:
    """Weights as they are stored, integers where they are quantized, by the names of tensors.

    Integers without a scale are no weights: they are shapes and axes. What several tensors share
    is given once.

    Args:
        content: Of a `.tflite` file.
    """
    schema = file_format.schema()
    kinds = {value: name for name, value in vars(schema.TensorType).items() if name.isupper()}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    found: dict[int, tuple[str, np.ndarray]] = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if tensor.buffer in found or data is None or not len(data):
                continue
            if _is_weight(tensor, kinds[tensor.type]):
                name = f"{tensor.name.decode()}#{tensor.buffer}"
                found[tensor.buffer] = name, _array(tensor, kinds[tensor.type], data)
    return dict(found.values())


def _is_weight(tensor: Any, kind: str) -> bool:
    if kind in _FLOATS:
        return True
    known = kind == _PACKED or kind in _INTEGERS
    scaled = tensor.quantization is not None and tensor.quantization.scale is not None
    return known and scaled and len(tensor.quantization.scale) > 0


def _array(tensor: Any, kind: str, data: Any) -> np.ndarray:
    raw = np.asarray(data, dtype=np.uint8)
    shape = () if tensor.shape is None else tuple(tensor.shape)
    if kind != _PACKED:
        return raw.view(kind.lower()).reshape(shape)
    nibbles = np.stack([raw & 15, raw >> 4], axis=1).reshape(-1)[: int(np.prod(shape))]
    return (
        np.where(nibbles > 7, nibbles.astype(np.int8) - 16, nibbles).astype(np.int8).reshape(shape)
    )
