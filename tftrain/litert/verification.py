"""Whether a LiteRT model answers as its source does."""

from __future__ import annotations

from typing import Any

import numpy as np

from tftrain import structures
from tftrain.errors import ConversionFailed
from tftrain.keras_api import tf
from tftrain.litert import conversion, modes, signature
from tftrain.litert.examples import example_inputs
from tftrain.litert.lite_model import LiteModel
from tftrain.model_signature import Signature

_HALF_PRECISION = 2e-2  # of a source that rounds more coarsely than its conversion
_SHARE_OF_SPREAD = 0.5
_SHARE_OF_SIZE = 0.01
_BATCH = 32


def require_alike(
    model: Any, lite: LiteModel, inputs: dict[str, np.ndarray], quantization: str | None = None
) -> None:
    """Compares a LiteRT model with its source.

    In float32 and float16 no output may differ by more than 1e-5 and 1e-2 of the largest (or of 1
    if that is larger), of a half-precision source 2e-2. In modes with integers the root mean square
    of the differences must be at most half of what the source's outputs vary over the examples,
    plus 1% of their own root mean square: outputs that are constant, mixed up or not finite fail,
    while rounding to 8 bits stays below a tenth.

    Args:
        model: The source.
        lite: What it was converted to.
        inputs: Examples by the names of inputs, as of `example_inputs`.
        quantization: The mode of the conversion.

    Raises:
        ConversionFailed: They differ by more.
    """
    called = signature.read(model)
    expected = _outputs_of(called, inputs)
    answers = structures.by_name(
        called.outputs, lite.predict(structures.nested(called.inputs, inputs), _BATCH)
    )
    tolerance = modes.mode(quantization).tolerance
    if tolerance is not None and _is_half_precision(model):
        tolerance = max(tolerance, _HALF_PRECISION)
    for name, wanted in expected.items():
        found = np.asarray(answers[name], dtype="float64")
        problem = _difference(wanted.astype("float64"), found, tolerance)
        if problem:
            raise ConversionFailed(
                f"output {name!r} of the LiteRT model ({quantization or 'float32'}) {problem}, on "
                f"{len(wanted)} examples: {_advice(quantization)}"
            )


def converted_alike(
    model: Any,
    quantization: str | None = None,
    representative: Any = None,
    *,
    integer_io: bool = False,
    seed: int = 0,
) -> LiteModel:
    """Converts a model as `convert` does, and compares the two.

    They are compared on the representative examples, or on random ones without.

    Args:
        model: See `convert`; likewise the others.
        quantization: A mode's name.
        representative: Examples.
        integer_io: Whether inputs and outputs are int8.
        seed: Of the choice of examples.

    Raises:
        CompressionError: It cannot be converted; said before any work.
        UnknownName: There is no such mode.
        ConversionFailed: The converter crashed or gave up, or what it wrote answers otherwise.
    """
    lite = conversion.convert(model, quantization, representative, integer_io=integer_io, seed=seed)
    require_alike(model, lite, example_inputs(model, representative, seed=seed), quantization)
    return lite


def _advice(quantization: str | None) -> str:
    if quantization == "int8":
        return "give representative data like those of the training, or choose mode 'dynamic'"
    if quantization is not None:
        return "choose another mode, or None for float32"
    return "the converter has not kept the model's meaning; nothing was written"


def _outputs_of(called: Signature, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    fixed = max(tensor.shape[0] or 0 for tensor in called.tensors.values())
    size, rows = fixed or _BATCH, len(next(iter(inputs.values())))
    parts = []
    for start in range(0, rows, size):
        batch = {name: array[start : start + size] for name, array in inputs.items()}
        kept = len(next(iter(batch.values())))
        if fixed:
            batch = {name: np.resize(one, (fixed, *one.shape[1:])) for name, one in batch.items()}
        outputs = called.call({name: tf.constant(array) for name, array in batch.items()})
        parts.append({name: output.numpy()[:kept] for name, output in outputs.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _is_half_precision(model: Any) -> bool:
    return any(layer.compute_dtype in ("float16", "bfloat16") for layer in model._flatten_layers())


def _difference(expected: np.ndarray, found: np.ndarray, tolerance: float | None) -> str | None:
    if expected.shape != found.shape:
        return f"has shape {found.shape} instead of {expected.shape}"
    if not np.isfinite(found).all():
        return "holds NaN or infinite numbers"
    if tolerance is not None:
        scale = max(1.0, float(np.abs(expected).max()))
        largest = float(np.abs(expected - found).max()) / scale
        if largest <= tolerance:
            return None
        return f"differs by {largest:.1e} of the largest value, more than {tolerance:.0e}"
    error = _root_mean_square(expected - found)
    spread = _root_mean_square(expected - expected.mean(axis=0))
    allowed = _SHARE_OF_SPREAD * spread + _SHARE_OF_SIZE * _root_mean_square(expected)
    if error <= allowed:
        return None
    return (
        f"does not follow the source: root mean square difference {error:.2e}, while the source "
        f"varies by {spread:.2e} over the examples"
    )


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
