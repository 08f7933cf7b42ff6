"""Weights of four bits, by LiteRT's own quantizer, the package litert-quantizer.

TensorFlow's converter makes none. The quantizer (developed in google-ai-edge/LiteRT) takes what the
converter wrote in float32: kernels of dense layers and convolutions become int4, a scale a channel;
other weights that it knows become int8. Activations stay float and are rounded to 8 bits as they
come, as in mode "dynamic".
"""

from __future__ import annotations

import importlib.util
from typing import Any

from tftrain.litert import file_format

_LIBRARY = "litert_quantizer"
_OPERATIONS = ("FULLY_CONNECTED", "CONV_2D", "EMBEDDING_LOOKUP")


def is_installed() -> bool:
    """Whether the quantizer can be imported: it comes with the extra `tftrain[int4]`."""
    return importlib.util.find_spec(_LIBRARY) is not None


def quantized(content: bytes) -> bytes:
    """The file with its weights in four bits.

    Args:
        content: Of a `.tflite` file in float32.

    Raises:
        ValueError: No weight in it can be.
    """
    from litert_quantizer import quantizer

    quantization = quantizer.Quantizer(content)
    quantization.load_quantization_recipe(_recipe())
    result = bytes(quantization.quantize().quantized_model)
    if not _has_four_bits(result):
        raise ValueError("no layer of it has weights that can be stored in 4 bits")
    return result


def _recipe() -> list[dict[str, Any]]:
    from litert_quantizer import qtyping, recipe_manager

    recipe = recipe_manager.RecipeManager()
    names = qtyping.TFLOperationName
    recipe.add_dynamic_config(regex=".*", operation_name=names.ALL_SUPPORTED, num_bits=8)
    for name in _OPERATIONS:
        recipe.add_dynamic_config(regex=".*", operation_name=names(name), num_bits=4)
    return recipe.get_quantization_recipe()


def _has_four_bits(content: bytes) -> bool:
    int4 = file_format.schema().TensorType.INT4
    subgraphs = file_format.unpacked(content).subgraphs
    return any(tensor.type == int4 for subgraph in subgraphs for tensor in subgraph.tensors)
