"""A layer of Keras 3 as a layer of tf_keras, and the other way round.

Both libraries build a layer from its configuration. What only one of them knows is left out where
it has no effect, that is, where it is at its default; otherwise the layer is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tftrain.compress.model_kinds import KERAS
from tftrain.compress.twin_activations import activation_for
from tftrain.errors import CompressionError
from tftrain.keras_api import keras

SUPPORTED = frozenset(
    """
    Dense EinsumDense Embedding Activation Masking
    Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose
    DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D
    BatchNormalization LayerNormalization GroupNormalization UnitNormalization
    MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    Flatten Reshape Permute RepeatVector Cropping1D Cropping2D Cropping3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D UpSampling1D UpSampling2D UpSampling3D
    Add Subtract Multiply Average Maximum Minimum Concatenate Dot
    Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianDropout GaussianNoise
    AlphaDropout ActivityRegularization ReLU LeakyReLU PReLU ELU Softmax Rescaling
    LSTM GRU SimpleRNN Bidirectional TimeDistributed MultiHeadAttention
    """.split()  # noqa: SIM905 - a name a line is a page
)

# Configuration of one library under the name that the other has for it.
_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}

# What never changes what a layer computes.
_WITHOUT_EFFECT = frozenset(
    {
        *("implementation", "use_cudnn", "build_config", "batch_input_shape", "ragged"),
        *("autocast", "query_shape", "key_shape", "value_shape"),
    }
)

_PARTS = ("initializer", "regularizer", "constraint")


class Translation:
    """From one library to the other.

    Args:
        source: The library of the layers given.
        target: The library of the layers wanted.
        single_precision: Whether layers of half precision become layers of float32.
    """

    def __init__(self, source: Any, target: Any, *, single_precision: bool = False) -> None:
        self._source, self.target = source.library, target.library
        self._single_precision = single_precision
        self._back = source is not KERAS

    def problem(self, layer: Any) -> str | None:
        """Why a layer cannot be translated, with what to do instead; None if it can."""
        name, kind = layer.name, type(layer)
        if kind.__name__ == "Lambda":
            return (
                f"layer {name!r} is a Lambda, which holds code instead of a configuration: use "
                "layers such as Rescaling, Reshape or Activation"
            )
        if kind is not getattr(self._source.layers, kind.__name__, None):
            return (
                f"layer {name!r} is a {kind.__name__}, which tf_keras does not know: build this "
                "part of layers of Keras"
            )
        if kind.__name__ not in SUPPORTED:
            return (
                f"layer {name!r} is a {kind.__name__}; expected one of "
                f"{', '.join(sorted(SUPPORTED))}: compress the part of the model without it"
            )
        return _message(self._of_class, name, kind.__name__, layer.get_config())

    def layer(self, layer: Any, name: str) -> Any:
        """The other library's layer, not built yet, under this name."""
        return self._of_class(name, type(layer).__name__, layer.get_config())

    def _of_class(self, name: str, class_name: str, config: Mapping[str, Any]) -> Any:
        target = getattr(self.target.layers, class_name)
        config = {**self._translated(name, class_name, config), "name": name}
        return target(**config)

    def _translated(self, name: str, class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
        renamed = _RENAMED.get(class_name, {})
        if self._back:
            renamed = {theirs: ours for ours, theirs in renamed.items()}
        accepted = _accepted(getattr(self.target.layers, class_name))
        defaults = _defaults(getattr(self._source.layers, class_name))
        result = {}
        for key, value in config.items():
            target_key = renamed.get(key, key)
            if target_key in accepted:
                result[target_key] = self._value(name, key, value)
            elif not _is_without_effect(key, value, defaults):
                raise CompressionError([_unknown(name, class_name, key, value)])
        return result

    def _value(self, name: str, key: str, value: Any) -> Any:
        if key == "dtype":
            policy = _policy(name, value)
            return "float32" if self._single_precision and policy.endswith("float16") else policy
        if key.endswith("activation"):
            return activation_for(name, value, self._back)
        if key.endswith(_PARTS) and value is not None:
            return self._part(name, key, value)
        if key in ("layer", "backward_layer") and value is not None:
            return self._inner(name, value)
        return _axis(value) if key == "axis" else value

    def _inner(self, name: str, value: Mapping[str, Any]) -> Any:
        """The layer that a wrapper wraps."""
        class_name = value["class_name"]
        if class_name not in SUPPORTED:
            raise CompressionError(
                [f"layer {name!r} wraps a {class_name}; expected one layer of Keras in it"]
            )
        return self._of_class(value["config"]["name"], class_name, value["config"])

    def _part(self, name: str, key: str, value: Mapping[str, Any]) -> Any:
        """An initializer, a regularizer or a constraint."""
        class_name = value["class_name"]
        if class_name == "KeepZeros":  # kept by the Keras model that comes out in the end
            return None
        module = getattr(self.target, f"{_kind(key)}s")
        found = getattr(module, class_name, None)
        if found is None:
            raise CompressionError(
                [f"layer {name!r} has the {_kind(key)} {class_name}; expected one of Keras's own"]
            )
        accepted = _accepted(found)
        return found(**{k: v for k, v in value["config"].items() if k in accepted})


def _axis(value: Any) -> Any:
    """tf_keras writes a single axis as a list of one."""
    several = isinstance(value, (list, tuple))
    return value[0] if several and len(value) == 1 else value


def _kind(key: str) -> str:
    return next(part for part in _PARTS if key.endswith(part))


def _message(check: Any, *arguments: Any) -> str | None:
    try:
        check(*arguments)
    except CompressionError as error:
        return str(error)
    return None


def _is_without_effect(key: str, value: Any, defaults: Mapping[str, Any]) -> bool:
    if key in _WITHOUT_EFFECT or key.endswith("initializer"):  # weights are overwritten
        return True
    return value == defaults[key] if key in defaults else value in (None, False)


def _unknown(name: str, class_name: str, key: str, value: Any) -> str:
    return (
        f"layer {name!r} has {key}={value!r}, which the other {class_name} does not know: leave "
        "it at its default"
    )


def _policy(name: str, value: Any) -> str:
    """The name of a dtype policy however it is written down."""
    if isinstance(value, Mapping):
        if value["class_name"] not in ("DTypePolicy", "Policy"):
            raise CompressionError(
                [f"layer {name!r} is quantized by Keras already ({value['class_name']})"]
            )
        return value["config"]["name"]
    return keras.backend.standardize_dtype(value) if not isinstance(value, str) else value


def _accepted(kind: type) -> set[str]:
    """What a class can be configured by: its own arguments, and those that it passes on."""
    names: set[str] = set()
    for one in kind.__mro__:
        if "__init__" not in vars(one):
            continue
        parameters = inspect.signature(one.__init__).parameters
        names |= set(parameters) - {"self", "kwargs", "args"}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break
    return names | {"activity_regularizer"} if "activity_regularizer" in names else names


def _defaults(kind: type) -> dict[str, Any]:
    """Defaults of a class's arguments, and of those it passes on."""
    found: dict[str, Any] = {}
    for one in reversed(kind.__mro__):
        if "__init__" in vars(one):
            parameters = inspect.signature(one.__init__).parameters
            found.update({name: p.default for name, p in parameters.items()})
    return found
