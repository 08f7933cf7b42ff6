"""How a Keras model is called: its inputs and outputs, by name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from tftrain import structures
from tftrain.errors import BadInput
from tftrain.keras_api import keras, tf
from tftrain.structures import Structure

_AUTOMATIC = re.compile(r"(keras_tensor|input|input_layer)(_\d+)?")


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input.

    Attributes:
        shape: With the batch axis; None for free axes.
        dtype: Such as "float32".
    """

    shape: tuple[int | None, ...]
    dtype: str


@dataclasses.dataclass(frozen=True)
class Signature:
    """A model as a function of named tensors.

    Attributes:
        model: The model.
        inputs: Structure of what it takes.
        outputs: Structure of what it gives.
        tensors: The inputs, by name.
    """

    model: Any
    inputs: Structure
    outputs: Structure
    tensors: dict[str, Tensor]

    def call(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The model's outputs by name, floats as float32, for tensors by name."""
        given = {name: tf.cast(value, self.tensors[name].dtype) for name, value in values.items()}
        outputs = self.model(structures.nested(self.inputs, given), training=False)
        flat = tf.nest.flatten(outputs)
        names = structures.names(self.outputs)
        return {name: _single_precision(one) for name, one in zip(names, flat, strict=True)}


def _single_precision(tensor: Any) -> Any:
    return tf.cast(tensor, "float32") if tensor.dtype.is_floating else tensor


def is_tf_keras(model: Any) -> bool:
    """Whether this is a model of tf_keras, without importing that."""
    return any(kind.__module__.startswith("tf_keras.") for kind in type(model).__mro__)


def read(model: Any) -> Signature:
    """The signature of a built model.

    Raises:
        BadInput: It is none, is not built, or does not tell its inputs.
    """
    if not is_tf_keras(model) and not isinstance(model, keras.Model):
        raise BadInput(
            f"expected a model of Keras 3 or tf_keras; received a {type(model).__name__}"
        )
    if not model.built:
        raise BadInput(
            f"model {model.name!r} is not built: call it on a batch, or give it an Input"
        )
    source = _graph(model)
    inputs, outputs = ends(source)
    structure = structures.named(inputs, _names(_input_names(source, inputs), "inputs"))
    tensors = map(_tensor, tf.nest.flatten(inputs))
    return Signature(
        source,
        structure,
        structures.named(outputs, _names(source.output_names, "outputs")),
        dict(zip(structures.names(structure), tensors, strict=True)),
    )


def _graph(model: Any) -> Any:
    """The model as one that knows its inputs and outputs symbolically."""
    if is_tf_keras(model):
        if not getattr(model, "_is_graph_network", False):
            reason = "models of tf_keras do not tell its shape"
            raise BadInput(_SUBCLASSED.format(name=model.name, reason=reason))
        return model
    if isinstance(model, keras.Sequential):
        return model._functional
    return model if hasattr(model, "_inputs_struct") else _wrapped(model)


_SUBCLASSED = (
    "model {name!r} is subclassed and cannot be called on one symbolic input ({reason}): make it a "
    "Functional model, keras.Model(inputs, model(inputs)) with inputs = keras.Input(shape)"
)


def _wrapped(model: Any) -> Any:
    """A subclassed model with one argument, called symbolically on what it was built with."""
    shapes = list((getattr(model, "_build_shapes_dict", None) or {}).values())
    if len(shapes) != 1 or not shapes[0] or not _is_shape(shapes[0]):
        reason = "it does not tell its shape"
        raise BadInput(_SUBCLASSED.format(name=model.name, reason=reason))
    inputs = keras.Input(shapes[0][1:], dtype=model.input_dtype)
    try:
        return keras.Model(inputs, model(inputs), name=model.name)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise BadInput(_SUBCLASSED.format(name=model.name, reason=reason)) from error


def _is_shape(given: Any) -> bool:
    return isinstance(given, (list, tuple)) and all(
        size is None or isinstance(size, int) for size in given
    )


def ends(model: Any) -> tuple[Any, Any]:
    """Symbolic tensors as a Functional model takes them, and as it gives them."""
    if is_tf_keras(model):
        return model._nested_inputs, model._nested_outputs
    return model._inputs_struct, model._outputs_struct


def _input_names(model: Any, inputs: Any) -> list[str]:
    if is_tf_keras(model):
        return list(model.input_names)
    return [tensor.name for tensor in tf.nest.flatten(inputs)]


def _names(given: list[str], otherwise: str) -> list[str]:
    """Names that do not depend on what else was made before: as in a SavedModel, if only one."""
    if len(given) == 1:
        return [otherwise]
    return [otherwise if _AUTOMATIC.fullmatch(name) else name for name in given]


def _tensor(symbolic: Any) -> Tensor:
    dtype = tf.as_dtype(symbolic.dtype)
    return Tensor(tuple(symbolic.shape), "float32" if dtype.is_floating else dtype.name)
