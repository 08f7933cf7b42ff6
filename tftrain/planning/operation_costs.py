"""What operations of a graph compute and write, counted from their static shapes."""

from __future__ import annotations

import math
from typing import Any

_CONVOLUTIONS = ("Conv2D", "Conv3D", "DepthwiseConv2dNative")
_PRODUCTS = ("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
# They hand on what they are given, or are no part of the computation.
_FREE = (
    *("Reshape", "Identity", "Squeeze", "ExpandDims", "StopGradient", "PreventGradient", "NoOp"),
    *("Const", "Placeholder", "ReadVariableOp", "VarHandleOp", "VariableV2", "Shape", "ShapeN"),
    *("AssignVariableOp", "VarIsInitializedOp", "StatelessRandomGetKeyCounter", "Cast"),
    *("AssignAddVariableOp", "AssignSubVariableOp"),
)
VIEWS = ("Reshape", "Identity", "Squeeze", "ExpandDims", "StopGradient", "PreventGradient")
LOOPS = ("While", "StatelessWhile")


def size(tensor: Any) -> float:
    """Numbers in a tensor; 0 where its shape is unknown."""
    count = tensor.shape.num_elements() if tensor.shape.rank is not None else None
    return float(count or 0)


def operations(each: Any) -> float:
    """Floating-point operations of products of matrices, and of convolutions."""
    if each.type in LOOPS:
        return trips(each) * sum(map(operations, body(each)))
    if each.type in _CONVOLUTIONS:
        return _of_convolution(each)
    if each.type in _PRODUCTS:
        left = each.inputs[0].shape
        transposed = each.type == "MatMul" and each.get_attr("transpose_a")
        transposed = transposed or (each.type != "MatMul" and each.get_attr("adj_x"))
        return 2.0 * size(each.outputs[0]) * (left[-2] if transposed else left[-1] or 0)
    return _of_einsum(each) if each.type == "Einsum" else 0.0


def is_convolution(each: Any) -> bool:
    """Whether its operations are those of a convolution."""
    return each.type in _CONVOLUTIONS


def written(each: Any) -> float:
    """Numbers that an operation writes which is neither a product nor a convolution."""
    if each.type in LOOPS:
        return trips(each) * sum(map(written, body(each)))
    if each.type in (*_FREE, *_CONVOLUTIONS, *_PRODUCTS, "Einsum"):
        return 0.0
    return sum(map(size, each.outputs))


def trips(loop: Any) -> int:
    """How often a loop of a recurrent layer runs: as often as the list it reads is long."""
    lengths = [_length(given.op) for given in loop.inputs if given.op.type.startswith("TensorList")]
    return max(lengths, default=1)


def body(loop: Any) -> list[Any]:
    """The operations of one turn."""
    from tensorflow.python.ops import while_v2

    return while_v2._get_graph(loop, "body", "_body_graph").get_operations()


def _length(made: Any) -> int:
    from tftrain.keras_api import tf

    if made.type == "TensorListFromTensor":
        return made.inputs[0].shape[0] or 1
    if made.type == "TensorListReserve":
        count = tf.get_static_value(made.inputs[1])
        return 1 if count is None else max(1, int(count))
    return 1


def _of_convolution(each: Any) -> float:
    """Two for every element of the kernel and place of the output that it contributes to."""
    kernel = each.inputs[1].shape
    places = size(each.outputs[0])
    if each.type == "DepthwiseConv2dNative":
        return 2.0 * places * math.prod(kernel[:2])
    return 2.0 * places * math.prod(kernel[:-1])


def _of_einsum(each: Any) -> float:
    """Two for every combination of the values of all axes; an ellipsis is not counted."""
    terms = each.get_attr("equation").decode().split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, tensor in zip(terms, each.inputs, strict=True):
        if "." in term or tensor.shape.rank is None:
            return 0.0
        sizes.update((axis, length or 0) for axis, length in zip(term, tensor.shape, strict=True))
    return 2.0 * math.prod(sizes.values())
