"""From a Keras model to a LiteRT model."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.errors import ConversionFailed
from tftrain.litert import converter, examples, model_checks, modes, signature, tracing
from tftrain.litert.lite_model import LiteModel
from tftrain.model_signature import Signature


def convert(
    model: Any,
    quantization: str | None = None,
    representative: Any = None,
    *,
    integer_io: bool = False,
    seed: int = 0,
) -> LiteModel:
    """Converts a model, of Keras 3 or tf_keras, in a process of its own.

    A batch may have any size, except where layers loop over steps (recurrent ones without
    `unroll=True`): LiteRT then takes one example at a time, which `LiteModel.predict` hides.
    Half-precision models compute in float32. Only LiteRT's own operations are used, so that the
    file runs wherever LiteRT does.

    Args:
        model: Functional, Sequential, or subclassed with one input; built. One that tfmot has
            trained for quantization becomes integer by mode "int8" without representative data.
        quantization: None for float32; "dynamic" for weights of 8 bits and activations in float;
            "float16" for weights of 16 bits; "int8" for integers throughout; "int4" for weights
            of 4 bits and activations in float, which needs the extra `tftrain[int4]`.
        representative: Examples for "int8": inputs `[N, ...]` (several in a list or a dict),
            `(x, y)`, something with `.x`, or a batched dataset. Some hundred are taken.
        integer_io: With "int8": inputs and outputs are int8 as well, for devices without floats.
        seed: Of the choice of examples.

    Returns:
        The model, not yet compared with its source; `require_alike` does that.

    Raises:
        CompressionError: It cannot be converted; said before any work.
        UnknownName: There is no such mode.
        ConversionFailed: The converter crashed or gave up.

    Example:
        >>> import numpy as np
        >>> from tftrain import models
        >>> lite = convert(models.mlp((8,), hidden=(64,), classes=3), "dynamic")
        >>> lite.predict(np.zeros((5, 8), "float32")).shape
        (5, 3)
    """
    modes.mode(quantization)
    modes.check_integer_io(quantization, integer_io)
    called = signature.read(model)
    model_checks.check(model, quantization, representative)
    arrays = None
    if quantization == "int8" and not model_checks.is_quantization_aware(model):
        arrays = examples.taken_inputs(called, representative, seed=seed)
    converter.warm_up()
    with tempfile.TemporaryDirectory(prefix="tftrain-litert-") as folder:
        _write_job(Path(folder), called, quantization, arrays, integer_io)
        return LiteModel(_converted(Path(folder), model, quantization))


def _write_job(
    folder: Path,
    called: Signature,
    quantization: str | None,
    arrays: dict[str, np.ndarray] | None,
    integer_io: bool,
) -> None:
    tracing.write(called, folder / "saved_model")
    if arrays is not None:
        np.savez(folder / "examples.npz", **arrays)
    job = {
        "signature": tracing.SIGNATURE,
        "mode": quantization,
        "integer_io": integer_io,
        "batch": max(tensor.shape[0] or 1 for tensor in called.tensors.values()),
        "notes": {"inputs": called.inputs, "outputs": called.outputs},
    }
    (folder / "job.json").write_text(json.dumps(job))


def _converted(folder: Path, model: Any, quantization: str | None) -> bytes:
    mode = quantization or "float32"
    try:
        return converter.convert(folder)
    except converter.ConverterCrashed as crash:
        raise ConversionFailed(
            f"the LiteRT converter {crash} while converting {model.name!r} to {mode}: "
            f"{_way_out(model, quantization)}",
            crash.log,
        ) from crash
    except ConversionFailed as failure:
        lacking = re.search(r"(?:TF Select|Custom) ops: (.*)", str(failure))
        if lacking:
            reason = f"LiteRT has no operation for {lacking.group(1).strip()}"
            remedy = "replace it in the model, or compute it outside"
        else:
            reason, remedy = _reason(str(failure)), _way_out(model, quantization)
        raise ConversionFailed(
            f"the LiteRT converter gave up on {model.name!r} in mode {mode} ({reason}): {remedy}",
            f"{failure}\n{failure.log}",
        ) from failure


def _way_out(model: Any, quantization: str | None) -> str:
    others = [mode for mode in ("dynamic", "float16") if mode != quantization]
    modes_left = f"choose mode {' or '.join(map(repr, others))}"
    recurrent = model_checks.recurrent(model)
    if not recurrent:
        return modes_left if quantization else "the log of this error tells all that it said"
    layers = ", ".join(map(repr, recurrent))
    unrolled = f"set unroll=True on {layers}, whose input must have a fixed number of steps"
    return f"{unrolled}; or {modes_left}" if quantization else unrolled


def _reason(message: str) -> str:
    """The one line of the converter's message that tells most."""
    if found := re.search(r"'tfl?\.\w+' op .*", message):
        return found.group().strip()
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    telling = [line.rpartition("error: ")[2] for line in lines if "error:" in line] or lines
    return telling[0] if telling else "it did not say why"
