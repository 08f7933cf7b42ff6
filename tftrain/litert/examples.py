"""Examples of a model's inputs: taken from what the user gives, or made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tftrain import given_examples
from tftrain.errors import BadInput, CompressionError
from tftrain.litert.signature import read
from tftrain.model_signature import Signature, Tensor
from tftrain.portable_layers import all_layers

COUNT = 300
_LOOKED_AT = 10 * COUNT  # of a dataset, whose beginning may be sorted
_MADE = 32
_FREE_AXIS = 7


def example_inputs(
    model: Any, given: Any = None, *, count: int = COUNT, seed: int = 0
) -> dict[str, np.ndarray]:
    """A few examples of what a model takes, by the names of its inputs.

    Args:
        model: A built model.
        given: Inputs `[N, ...]`, in a list or a dict if there are several; `(x, y)` or
            `(x, y, sample_weight)`; something with `.x`; a batched `tf.data.Dataset` of those;
            None to make random ones.
        count: How many are taken at most, without order.
        seed: Of the choice.

    Raises:
        CompressionError: They do not fit the model.
    """
    signature = read(model)
    if given is None:
        return made_inputs(signature, seed)
    return taken_inputs(signature, given, count, seed)


def taken_inputs(
    signature: Signature, given: Any, count: int = COUNT, seed: int = 0
) -> dict[str, np.ndarray]:
    """The same, for a signature."""
    batches = (_checked(signature, batch) for batch in _parts(signature, given))
    found = given_examples.gathered(batches, _LOOKED_AT)
    if found is None:
        raise CompressionError(["the representative dataset is empty; expected some examples"])
    rows = len(next(iter(found.values())))
    chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:count])
    return {name: array[chosen] for name, array in found.items()}


def _parts(signature: Signature, given: Any) -> Iterator[dict[str, np.ndarray]]:
    try:
        yield from given_examples.parts(signature.inputs, given)
    except BadInput as error:
        hint = " (a tuple is taken for (x, y): give several inputs in a list or a dict)"
        raise CompressionError([f"representative {error}{hint}"]) from error


def _checked(signature: Signature, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    problems = [
        f"representative data for input {name!r} {found}"
        for name, array in arrays.items()
        if (found := _fault(array, signature.tensors[name]))
    ]
    if len({len(array) for array in arrays.values() if array.ndim}) > 1:
        rows = ", ".join(f"{name!r} {len(array)}" for name, array in arrays.items())
        problems.append(f"representative inputs have different numbers of examples: {rows}")
    if problems:
        raise CompressionError(problems)
    return {name: array.astype(signature.tensors[name].dtype) for name, array in arrays.items()}


def _fault(array: np.ndarray, tensor: Tensor) -> str | None:
    kinds = "biuf" if tensor.dtype.startswith(("float", "bfloat")) else "biu"
    return given_examples.misfit(array, tensor.shape, kinds, tensor.dtype)


def made_inputs(signature: Signature, seed: int = 0) -> dict[str, np.ndarray]:
    """Random inputs: standard normal, or integers below the smallest vocabulary."""
    random = np.random.default_rng(seed)
    layers = all_layers(signature.model)
    sizes = [size for layer in layers if isinstance(size := getattr(layer, "input_dim", None), int)]
    return {
        name: _made(tensor, random, min(sizes, default=2), bool(sizes))
        for name, tensor in signature.tensors.items()
    }


def _made(
    tensor: Tensor, random: np.random.Generator, vocabulary: int, embedded: bool
) -> np.ndarray:
    shape = [_MADE, *(_FREE_AXIS if size is None else size for size in tensor.shape[1:])]
    if embedded or not tensor.dtype.startswith("float"):
        return random.integers(0, max(vocabulary, 2), shape).astype(tensor.dtype)
    return random.standard_normal(shape).astype(tensor.dtype)
