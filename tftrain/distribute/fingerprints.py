"""What workers must have in common, as texts by topic that can be compared one by one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tftrain.keras_api import keras, tf

_LONGEST = 400


def of(model: Any, element_spec: Any = None) -> dict[str, str]:
    """The versions, model, optimizer, loss and data of this worker.

    Args:
        model: A compiled Keras model.
        element_spec: The structure of shapes and dtypes of a batch, or None.

    Returns:
        Texts by topic, in the order in which a difference is worth reporting.
    """
    return {**_versions(), **of_training(model), "data": of_data(element_spec)}


def of_training(model: Any) -> dict[str, str]:
    """The model, optimizer and loss, whatever versions they run on.

    Args:
        model: A compiled Keras model.
    """
    return {**_layers(model), **_training(model)}


def of_data(element_spec: Any) -> str:
    """The dtypes and shapes of a batch.

    Args:
        element_spec: Their structure, or None.
    """
    leaves = keras.tree.flatten(element_spec)
    return ", ".join(f"{_dtype(leaf)}{_shape(leaf)}" for leaf in leaves if leaf is not None)


def differences(mine: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[str]:
    """Each topic on which two disagree, and what each has, from where it begins to differ.

    Example:
        >>> list(differences({"Keras": "3.15.1"}, {"Keras": "3.14.0"}))
        ["Keras: '3.15.1' here, '3.14.0' there"]
    """
    for topic in [*mine, *(topic for topic in theirs if topic not in mine)]:
        here, there = mine.get(topic, "nothing"), theirs.get(topic, "nothing")
        if here != there:
            yield f"{topic}: {_around(here, there)!r} here, {_around(there, here)!r} there"


def difference(mine: Mapping[str, str], theirs: Mapping[str, str]) -> str | None:
    """The first topic on which two workers differ and what each has; None if they agree.

    Example:
        >>> difference({"Keras": "3.15.1"}, {"Keras": "3.14.0"})
        "Keras: '3.15.1' here, '3.14.0' there"
    """
    return next(differences(mine, theirs), None)


def _around(text: str, other: str, width: int = 60) -> str:
    """The part of a long text where it begins to differ from another."""
    if len(text) <= 2 * width:
        return text
    same = next(
        (place for place, pair in enumerate(zip(text, other, strict=False)) if len({*pair}) > 1),
        min(len(text), len(other)),
    )
    start = max(0, same - width)
    return ("..." if start else "") + text[start : same + width]


def _versions() -> dict[str, str]:
    import tftrain

    return {
        "TensorFlow": tf.version.VERSION,
        "Keras": keras.version(),
        "tftrain": tftrain.__version__,
    }


def _layers(model: Any) -> dict[str, str]:
    layers = model._flatten_layers(include_self=False, recursive=True)
    return {
        f"layer {index}": _short(f"{type(layer).__name__} {_config(layer)}")
        for index, layer in enumerate(layers)
    }


def _training(model: Any) -> dict[str, str]:
    optimizer = model.optimizer
    weights = [f"{tuple(weight.shape)} {weight.dtype}" for weight in model.weights]
    return {
        "weights": _short(", ".join(weights)),
        "optimizer": _short(f"{type(optimizer).__name__} {_config(optimizer)}"),
        "loss": _short(_plain(getattr(model, "loss", None))),
        "dtype policy": str(getattr(model.dtype_policy, "name", "")),
    }


def _config(thing: Any) -> str:
    try:
        config = thing.get_config()
    except (NotImplementedError, AttributeError, TypeError):
        return "without a configuration"  # a subclass that defines none: its weights are compared
    return _plain({key: value for key, value in config.items() if key != "layers"})


def _plain(value: Any) -> str:
    return json.dumps(_unnamed(value), sort_keys=True, default=_described)


def _unnamed(value: Any) -> Any:
    # Automatic names count the objects made before, which may differ without harm.
    if isinstance(value, dict):
        return {key: _unnamed(part) for key, part in value.items() if key != "name"}
    return [_unnamed(part) for part in value] if isinstance(value, (list, tuple)) else value


def _described(value: Any) -> str:
    # A repr may hold an address, which differs between processes.
    get_config = getattr(value, "get_config", None)
    name = getattr(value, "__name__", type(value).__name__)
    return f"{name} {_config(value)}" if get_config and not isinstance(value, type) else name


def _dtype(leaf: Any) -> str:
    dtype = getattr(leaf, "dtype", leaf)
    return str(getattr(dtype, "name", dtype))


def _shape(leaf: Any) -> str:
    shape = getattr(leaf, "shape", None)
    return "" if shape is None or shape.rank is None else str(list(shape))


def _short(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{text[:_LONGEST]}... (sha256 {digest})"
