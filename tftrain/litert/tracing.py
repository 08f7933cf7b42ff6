"""A Keras model as a SavedModel that the converter reads.

A module that holds the model itself is not an option: `from_concrete_functions` with a Keras 3
model as the trackable object writes NaN for weights, and saving it loses variables. Here the
module holds the variables that the traced function uses, and nothing else.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tftrain.graph_nodes import all_nodes
from tftrain.keras_api import keras, tf
from tftrain.model_signature import Signature, Tensor, is_tf_keras
from tftrain.portable_layers import all_layers, without_fused_loops

SIGNATURE = "serving_default"
_LOOPS = frozenset({"While", "StatelessWhile"})


def write(signature: Signature, folder: Path) -> None:
    """Writes the SavedModel, with one signature: `serving_default`.

    Axes that are free in the model stay free; but loops, as of recurrent layers, become LiteRT's
    only where the size of a batch is known: then it is 1, if the model does not say.

    Args:
        signature: Of the model.
        folder: Where to.
    """
    with _inference(signature.model):
        concrete = _traced(signature, signature.tensors)
        if _has_loops(concrete.graph):
            fixed = {name: _batch_of_one(one) for name, one in signature.tensors.items()}
            concrete = _traced(signature, fixed)
    module = tf.Module()
    module.held = list(concrete.graph.variables)
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: concrete})


def _traced(signature: Signature, tensors: dict[str, Tensor]) -> Any:
    def serve(**values: Any) -> dict[str, Any]:
        return signature.call(values)

    specs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in tensors.items()
    }
    return tf.function(serve, autograph=False).get_concrete_function(**specs)


def _batch_of_one(tensor: Tensor) -> Tensor:
    return Tensor((tensor.shape[0] or 1, *tensor.shape[1:]), tensor.dtype)


def _has_loops(graph: Any) -> bool:
    return any(node.op in _LOOPS for node in all_nodes(graph.as_graph_def()))


@contextlib.contextmanager
def _inference(model: Any) -> Iterator[None]:
    """Layers compute in a way that LiteRT can as well, meanwhile.

    It has neither bfloat16 nor cuDNN. The one operation that an LSTM of tf_keras would become keeps
    its state from one call to the next.
    """
    with contextlib.ExitStack() as changes:
        changes.enter_context(without_fused_loops(model))
        single = _float32(model)
        for layer in all_layers(model):
            if layer.compute_dtype in ("float16", "bfloat16"):
                changes.callback(_set_policy, layer, layer._dtype_policy)
                _set_policy(layer, single)
        yield


def _float32(model: Any) -> Any:
    if not is_tf_keras(model):
        return keras.DTypePolicy("float32")
    return sys.modules["tf_keras"].mixed_precision.Policy("float32")


def _set_policy(layer: Any, policy: Any) -> None:
    if hasattr(layer, "_set_dtype_policy"):  # of tf_keras, which keeps more than the policy
        layer._set_dtype_policy(policy)
    else:
        layer._dtype_policy = policy
