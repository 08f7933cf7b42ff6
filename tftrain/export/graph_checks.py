"""What a traced graph tells: that it needs Python, or what its outputs go through."""

from __future__ import annotations

from typing import Any

from tftrain import graph_nodes
from tftrain.errors import ExportError

_PASSING_ON = frozenset({"Identity", "Cast", "StopGradient", "Reshape", "StridedSlice"})


def require_no_python(graph: Any, what: str) -> None:
    """Checks that no operation calls back into Python, which no server has.

    Raises:
        ExportError: Some do; they are named.
    """
    nodes = graph_nodes.all_nodes(graph.as_graph_def())
    names = sorted({node.name for node in nodes if node.op in graph_nodes.PYTHON})
    if names:
        raise ExportError(
            f"{what} needs Python where it is served, by tf.py_function or tf.numpy_function "
            f"({', '.join(names)}): write it with functions of TensorFlow or keras.ops"
        )


def last_operation(tensor: Any) -> str:
    """The type of the operation that a tensor comes from, such as "Softmax"; casts are skipped."""
    while tensor.op.type in _PASSING_ON:
        tensor = tensor.op.inputs[0]
    return tensor.op.type
