"""The same model with numbers of fewer bits: floats in Keras, 8-bit integers in LiteRT."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tftrain import litert
from tftrain.errors import CompressionError, ConversionFailed, EvaluationError, UnknownName
from tftrain.evaluate.answers import outputs, probabilities
from tftrain.keras_api import keras

_FLOATS = ("float32", "bfloat16", "float16")
NAMES = (*_FLOATS, "int8")
_SMALLEST = 1e-12


def check_names(names: Sequence[str]) -> None:
    """Raises UnknownName if there is no such precision."""
    for name in names:
        if name not in NAMES:
            raise UnknownName("precision", name, NAMES)


def cases(
    model: keras.Model,
    x: np.ndarray,
    classes: int,
    *,
    names: Sequence[str],
    representative: Any,
    seed: int = 0,
) -> dict[str, Callable[[], np.ndarray]]:
    """What `stability` takes: a model's answers to images in each precision.

    Args:
        model: A Keras classifier, Functional or Sequential, built.
        x: Images `[N, H, W, C]`.
        classes: K.
        names: Of precisions: a float is Keras's dtype policy of this name, int8 LiteRT's.
        representative: What to learn int8's ranges from: images `[N, H, W, C]` of training, never
            of the test set, or a batched dataset of them.
        seed: Of the choice among those.

    Raises:
        UnknownName: There is no such precision.
    """
    check_names(names)
    makers = {name: functools.partial(_floats, model, name, x) for name in _FLOATS}
    makers["int8"] = functools.partial(_integers, model, representative, seed, x)
    return {name: functools.partial(_answers, model, makers[name], classes) for name in names}


def under_policy(model: keras.Model, policy: str) -> keras.Model:
    """The model built anew, its weights and arithmetic in another dtype.

    Args:
        model: Functional or Sequential, built.
        policy: Of Keras, as `bfloat16` or `mixed_bfloat16`.

    Returns:
        A model with the same weights, rounded to what the policy keeps them in.

    Raises:
        EvaluationError: It cannot be built from its configuration.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> under_policy(model, "bfloat16").layers[0].compute_dtype
        'bfloat16'
    """
    try:
        changed = keras.models.clone_model(
            model, clone_function=functools.partial(_cloned, policy=policy)
        )
    except Exception as error:
        reason = " ".join(str(error).split())
        raise EvaluationError(
            [f"{model.name!r} cannot be built anew in {policy}, only in its own dtype: {reason}"]
        ) from error
    changed.set_weights(model.get_weights())
    return changed


def _cloned(layer: keras.layers.Layer, policy: str) -> keras.layers.Layer:
    if isinstance(layer, keras.layers.InputLayer):  # what comes in stays as it is
        return type(layer).from_config(layer.get_config())
    return type(layer).from_config(_in_policy(layer.get_config(), policy))


def _in_policy(config: Any, policy: str) -> Any:
    """A layer's configuration, and those of layers in it, with another dtype."""
    if isinstance(config, dict):
        return {name: _changed(name, value, policy) for name, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_in_policy(one, policy) for one in config)
    return config


def _changed(name: str, value: Any, policy: str) -> Any:
    if value is None:
        return None
    if name == "dtype":
        return policy
    if name.endswith("_initializer"):  # weights are set; not all can be drawn in 16 bits
        return "zeros"
    return _in_policy(value, policy)


def _answers(model: keras.Model, give: Callable[[], np.ndarray], classes: int) -> np.ndarray:
    given = np.asarray(give(), "float64")
    if getattr(model.loss, "from_logits", False):
        return probabilities(given, classes, from_logits=True)
    if given.ndim == 2 and given.shape[1] == classes:  # rounded, rows no longer sum to one
        given = given.clip(0) / np.maximum(given.clip(0).sum(axis=1, keepdims=True), _SMALLEST)
    return probabilities(given, classes)


def _floats(model: keras.Model, policy: str, x: np.ndarray) -> np.ndarray:
    return outputs(under_policy(model, policy), x)


def _integers(model: keras.Model, representative: Any, seed: int, x: np.ndarray) -> np.ndarray:
    # Not `quantize`, which refuses what answers otherwise: how much it does is the question.
    try:
        converted = litert.convert(model, "int8", representative, seed=seed)
    except CompressionError as error:
        raise EvaluationError(error.problems) from error
    except ConversionFailed as error:
        raise EvaluationError([str(error)]) from error
    return converted.predict(x, batch_size=256)
