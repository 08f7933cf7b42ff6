"""Whether a file that Keras wrote gives the model back."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tftrain import litert
from tftrain.errors import BadInput, VerificationFailed
from tftrain.export import comparison
from tftrain.keras_api import keras
from tftrain.litert import signature

_TOLERANCE = 1e-6
_REMEDY = (
    "decorate your own layers, losses and functions with "
    "@keras.saving.register_keras_serializable(), give layers a get_config() that tells all that "
    "their __init__ needs, or export within keras.saving.custom_object_scope({...}), as whoever "
    "loads it has to do then"
)
_BETTER_FORMAT = "save it as .keras, as .h5 cannot hold every model; or "


def require_alike(model: Any, file: Path, name: str, *, optimizer: bool) -> None:
    """Loads a file and compares what comes out with the model that was saved.

    Weights must be equal, and answers to random inputs be so to 1e-6 of the largest. A model that
    answers otherwise each time, or does not tell what it takes, is judged by its weights alone.

    Args:
        model: The one that was saved; as before afterwards.
        file: What it was saved as.
        name: What the file will be called.
        optimizer: Whether its optimizer, if it has one, must come back with it.

    Raises:
        VerificationFailed: It cannot be loaded, or is another model.
    """
    loaded = _loaded(file, name, compiled=optimizer)
    found = [
        *_of_variables("weight", model.weights, loaded.weights),
        *(_of_optimizers(model, loaded) if optimizer else ()),
        *_of_answers(model, loaded),
    ]
    if found:
        raise VerificationFailed(f"{name}, read back, is not the model: {one}" for one in found)


def _loaded(file: Path, name: str, compiled: bool) -> Any:
    try:
        with warnings.catch_warnings():  # what they warn of is compared
            warnings.simplefilter("ignore")
            return keras.saving.load_model(file, compile=compiled, safe_mode=False)
    except Exception as error:
        first = str(error).strip().partition("\n")[0].partition(" Full object config:")[0]
        reason = f"{name} cannot be read back ({type(error).__name__}: {first})"
        other = _BETTER_FORMAT if name.endswith(".h5") else ""
        raise VerificationFailed([f"{reason}: {other}{_REMEDY}"]) from error


def _of_variables(kind: str, saved: Sequence[Any], loaded: Sequence[Any]) -> Iterator[str]:
    if len(saved) != len(loaded):
        yield f"it has {len(loaded)} {kind}s; expected {len(saved)}"
        return
    for expected, found in zip(saved, loaded, strict=True):  # paths may be others
        arrays = {expected.path: np.asarray(expected)}, {expected.path: np.asarray(found)}
        for path, difference in comparison.differences(*arrays, tolerance=0):
            yield f"{kind} {path!r} {difference}"


def _of_optimizers(model: Any, loaded: Any) -> Iterator[str]:
    saved = getattr(model, "optimizer", None)
    if saved is None or not saved.built:
        return
    found = getattr(loaded, "optimizer", None)
    if type(found) is not type(saved):
        yield f"its optimizer is a {type(found).__name__}; expected a {type(saved).__name__}"
        return
    yield from _of_variables("variable of the optimizer", saved.variables, found.variables)


def _of_answers(model: Any, loaded: Any) -> Iterable[str]:
    try:
        called, inputs = signature.read(model), litert.example_inputs(model)
    except BadInput:
        return []
    with _unchanged(model):
        expected, again = _answers(called, inputs), _answers(called, inputs)
    if any(comparison.differences(expected, again, _TOLERANCE)):
        return []
    found = _answers(signature.read(loaded), inputs)
    pairs = comparison.differences(expected, found, _TOLERANCE)
    return [f"output {name!r} {difference}" for name, difference in pairs]


def _answers(called: Any, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.asarray(output) for name, output in called.call(inputs).items()}


@contextlib.contextmanager
def _unchanged(model: Any) -> Iterator[None]:
    """States and seeds are as before afterwards."""
    kept = [(variable, np.asarray(variable)) for variable in model.non_trainable_variables]
    try:
        yield
    finally:
        for variable, value in kept:
            if not np.array_equal(np.asarray(variable), value):
                variable.assign(value)
