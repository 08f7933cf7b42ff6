"""A model as it is served: raw inputs in, named float32 outputs out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from tftrain import model_signature, structures
from tftrain.errors import BadInput, ExportError
from tftrain.keras_api import keras, tf
from tftrain.model_signature import Signature
from tftrain.structures import Structure

Preprocessing = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A model with what comes before it.

    Attributes:
        signature: The model as a function of named tensors.
        raw: What is sent, by name, the batch axis free.
        structure: Those names as `preprocessing` takes them.
        preprocessing: From a raw batch to the model's inputs; None to pass it on.
    """

    signature: Signature
    raw: dict[str, tf.TensorSpec]
    structure: Structure
    preprocessing: Preprocessing | None

    def prepared(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The model's inputs by name.

        Raises:
            BadInput: The preprocessing gives something else.
        """
        if self.preprocessing is None:
            return dict(raw)
        # Run eagerly it is the user's own function: what tracing has frozen is found out so.
        call = self.preprocessing if tf.executing_eagerly() else _traceable(self.preprocessing)
        return structures.by_name(
            self.signature.inputs, call(structures.nested(self.structure, raw))
        )

    def answers(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The model's outputs by name, floats as float32."""
        return self.signature.call(self.prepared(raw))


def served_model(model: Any, preprocessing: Preprocessing | None, raw: Any) -> ServedModel:
    """Puts a model and its preprocessing together.

    Args:
        model: Built; of Keras 3 or tf_keras.
        preprocessing: A function, a Keras layer or a model, from the raw batch.
        raw: The batch's TensorSpec, or a dict of several by name; None for uint8 in the model's
            shape before a preprocessing, and for what the model takes without one.

    Raises:
        ExportError: They are something else, or do not fit the model.
    """
    try:
        signature = model_signature.read(model)
    except BadInput as error:
        raise ExportError(str(error)) from error
    if preprocessing is not None and not callable(preprocessing):
        raise ExportError(
            f"preprocessing is {preprocessing!r}; expected a function, a Keras layer or a model, "
            "from a batch of raw inputs to the model's"
        )
    specs, structure = _given(raw) if raw is not None else _default(signature, preprocessing)
    if preprocessing is None:
        _check_fits(signature, specs)
    return ServedModel(signature, specs, structure, preprocessing)


def _traceable(preprocessing: Preprocessing) -> Preprocessing:
    """With Python's `if` and `for` over tensors as graph; layers of Keras have none."""
    is_layer = isinstance(preprocessing, keras.layers.Layer)
    return preprocessing if is_layer else tf.function(preprocessing)


def _default(
    signature: Signature, preprocessing: Preprocessing | None
) -> tuple[dict[str, tf.TensorSpec], Structure]:
    specs = {}
    for name, tensor in signature.tensors.items():
        pixels = preprocessing is not None and tensor.dtype != "string"
        specs[name] = _free(name, tensor.shape, "uint8" if pixels else tensor.dtype)
    return specs, signature.inputs


def _given(raw: Any) -> tuple[dict[str, tf.TensorSpec], Structure]:
    given = raw if isinstance(raw, Mapping) else {"inputs": raw}
    for name, spec in given.items():
        if not isinstance(spec, tf.TensorSpec) or spec.shape.rank in (None, 0):
            raise ExportError(
                f"raw is {spec!r} for {name!r}; expected a tf.TensorSpec of a batch, such as "
                "tf.TensorSpec((None, 28, 28, 1), tf.uint8)"
            )
        if spec.shape[0] is not None:
            raise ExportError(
                f"raw has {spec.shape[0]} in the first place for {name!r}; expected None: "
                f"a batch may have any size, tf.TensorSpec((None, ...), tf.{spec.dtype.name})"
            )
        if not str(name).isidentifier():
            raise ExportError(f"raw has an input {name!r}; expected a name of letters, digits, _")
    specs = {name: _free(name, spec.shape, spec.dtype) for name, spec in given.items()}
    structure = {"dict": {name: name for name in sorted(specs)}}
    return specs, structure if isinstance(raw, Mapping) else "inputs"


def _free(name: str, shape: Any, dtype: Any) -> tf.TensorSpec:
    return tf.TensorSpec((None, *tuple(shape)[1:]), dtype, name=name)


def _check_fits(signature: Signature, specs: Mapping[str, tf.TensorSpec]) -> None:
    if set(specs) != set(signature.tensors):
        raise ExportError(
            f"raw has the inputs {', '.join(specs)}, the model {', '.join(signature.tensors)}: "
            "name the same ones, or give a preprocessing from the first to the second"
        )
    for name, spec in specs.items():
        require_fit(signature, name, spec, "raw")


def require_fit(signature: Signature, name: str, found: Any, what: str) -> None:
    """Checks that a tensor can be an input of the model, once it is cast.

    Args:
        signature: The model's.
        name: The input's.
        found: With shape and dtype.
        what: Where it comes from, for the message.

    Raises:
        ExportError: It cannot.
    """
    wanted = signature.tensors[name]
    expected = f"{list(wanted.shape)} of {wanted.dtype}".replace("None", "any")
    if not getattr(found, "shape", None) or not hasattr(found, "dtype"):
        raise ExportError(f"{what} gives a {type(found).__name__} for {name!r}; expected a tensor")
    if not found.shape[1:].is_compatible_with(wanted.shape[1:]) or (
        (found.dtype == tf.string) != (wanted.dtype == "string")
    ):
        received = f"{list(found.shape)} of {found.dtype.name}".replace("None", "any")
        raise ExportError(f"{what} gives {received} for {name!r}; the model takes {expected}")
