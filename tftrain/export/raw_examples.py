"""Examples of what an export is sent: taken from what the user gives, or made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tftrain import given_examples
from tftrain.errors import BadInput, ExportError
from tftrain.export.served_model import ServedModel
from tftrain.keras_api import tf
from tftrain.portable_layers import all_layers

_ENOUGH = 32
_FREE_AXIS = 7
_WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog")
_SIZES = ("input_dim", "num_tokens")  # of layers that take integers: how many they know


def raw_examples(served: ServedModel, given: Any = None) -> dict[str, np.ndarray]:
    """Raw inputs `[32 or more, ...]` by name, with their dtypes; texts as bytes.

    Args:
        served: The model.
        given: Raw inputs `[N, ...]`, in a list or a dict if there are several; `(x, y)`; something
            with `.x`; a batched dataset of those; None to make random ones.

    Raises:
        ExportError: They do not fit.
    """
    arrays = _made(served) if given is None else _taken(served, given)
    rows = max(_ENOUGH, len(next(iter(arrays.values()))))
    return {name: np.resize(array, (rows, *array.shape[1:])) for name, array in arrays.items()}


def _taken(served: ServedModel, given: Any) -> dict[str, np.ndarray]:
    batches = (_checked(served, batch) for batch in _parts(served, given))
    found = given_examples.gathered(batches, _ENOUGH)
    if found is None:
        raise ExportError("the warmup dataset is empty; expected some examples")
    return found


def _parts(served: ServedModel, given: Any) -> Iterator[dict[str, np.ndarray]]:
    try:
        yield from given_examples.parts(served.structure, given)
    except BadInput as error:
        hint = "a tuple is taken for (x, y): give several inputs in a list or a dict"
        raise ExportError(f"warmup {error} ({hint})") from error


def _checked(served: ServedModel, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    for name, array in arrays.items():
        spec = served.raw[name]
        kinds = "OSU" if spec.dtype == tf.string else "biuf" if spec.dtype.is_floating else "biu"
        found = given_examples.misfit(array, tuple(spec.shape), kinds, spec.dtype.name)
        if found:
            raise ExportError(f"warmup examples for input {name!r} {found}: give raw inputs")
    if len({len(array) for array in arrays.values()}) > 1:
        rows = ", ".join(f"{name!r} {len(array)}" for name, array in arrays.items())
        raise ExportError(f"warmup inputs have different numbers of examples: {rows}")
    return {name: _cast(array[:_ENOUGH], served.raw[name]) for name, array in arrays.items()}


def _cast(array: np.ndarray, spec: tf.TensorSpec) -> np.ndarray:
    if spec.dtype != tf.string:
        return array.astype(spec.dtype.as_numpy_dtype)
    return tf.constant(array.tolist(), tf.string, shape=array.shape).numpy()


def _made(served: ServedModel) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    layers = all_layers(served.signature.model)
    if hasattr(served.preprocessing, "_flatten_layers"):
        layers += all_layers(served.preprocessing)
    sizes = [size for layer in layers for name in _SIZES if (size := _integer(layer, name))]
    embedded = bool(sizes) and served.preprocessing is None
    words = _words(layers)
    return {
        name: _random(spec, random, min(sizes, default=2), embedded, words)
        for name, spec in served.raw.items()
    }


def _integer(layer: Any, name: str) -> int | None:
    size = getattr(layer, name, None)
    return size if isinstance(size, int) else None


def _words(layers: list[Any]) -> tuple[str, ...]:
    """What the model's lookup layers know."""
    known = [layer.get_vocabulary() for layer in layers if hasattr(layer, "get_vocabulary")]
    texts = [word for words in known for word in words if word and isinstance(word, str)]
    return tuple(texts) or _WORDS


def _random(
    spec: tf.TensorSpec,
    random: np.random.Generator,
    vocabulary: int,
    embedded: bool,
    words: tuple[str, ...],
) -> np.ndarray:
    shape = [_ENOUGH, *(_FREE_AXIS if size is None else size for size in spec.shape[1:])]
    dtype = spec.dtype.as_numpy_dtype
    if spec.dtype == tf.string:
        chosen = [words[place].encode() for place in random.integers(0, len(words), shape).ravel()]
        return np.array(chosen, dtype=object).reshape(shape)
    if spec.dtype == tf.uint8 and not embedded:
        return random.integers(0, 256, shape).astype(dtype)
    if embedded or not spec.dtype.is_floating:
        return random.integers(0, max(vocabulary, 2), shape).astype(dtype)
    return random.standard_normal(shape).astype(dtype)
