"""Warm-up: a version answers what its folder holds as examples before it answers anyone else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tftrain.errors import ServingError
from tftrain.serve import checks, example_signatures, tensors
from tftrain.serve.example_signatures import CLASSIFICATION, REGRESSION, Task
from tftrain.serve.loaded_version import LoadedVersion
from tftrain.serve.stubs import prediction_log_pb2
from tftrain.serve.terms import DEFAULT_SIGNATURE
from tftrain.without_keras import warmup_file
from tftrain.without_keras.warmup_file import MOST


def replay(version: LoadedVersion, folder: Path) -> int:
    """Runs the warm-up records of a version's folder.

    Returns:
        How many there were.

    Raises:
        ServingError: One fails, or there are too many: TF Serving would not serve the version.
        tf.errors.OpError: The file is damaged.
    """
    number = 0
    for number, record in enumerate(warmup_file.records(folder), 1):
        if number > MOST:
            where = folder / warmup_file.FILE
            raise ServingError(
                checks.INVALID, f"Number of warmup records exceeds the maximum ({MOST}) at {where}"
            )
        _run(version, prediction_log_pb2.PredictionLog.FromString(record))
    return number


def _run(version: LoadedVersion, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        _predict(version, log.predict_log.request)
    elif kind == "classify_log":
        _run_task(version, log.classify_log.request, CLASSIFICATION)
    elif kind == "regress_log":
        _run_task(version, log.regress_log.request, REGRESSION)
    elif kind == "multi_inference_log":
        request = log.multi_inference_log.request
        for task in request.tasks:
            method = (
                CLASSIFICATION if task.method_name == CLASSIFICATION.method_name else REGRESSION
            )
            _examples(version, task.model_spec, request.input, method)
    else:
        raise ServingError("UNIMPLEMENTED", f"Unsupported log_type for warmup: {kind}")


def _predict(version: LoadedVersion, request: Any) -> None:
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = version.signature(name)
    inputs = tensors.arrays_of(request.inputs)
    outputs = checks.output_names(signature, list(request.output_filter))
    version.run(name, checks.ordered_inputs(signature, inputs), outputs)


def _run_task(version: LoadedVersion, request: Any, task: Task) -> None:
    _examples(version, request.model_spec, request.input, task)


def _examples(version: LoadedVersion, spec: Any, given: Any, task: Task) -> None:
    name = spec.signature_name or DEFAULT_SIGNATURE
    signature = example_signatures.find(version.signatures, name, task)
    examples: Sequence[bytes] = tensors.examples_of(given)
    version.run(name, [example_signatures.serialized(examples)], task.outputs(signature))
