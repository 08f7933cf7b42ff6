"""The requests that TF Serving sends itself before it lets a model answer others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tftrain.without_keras import warmup_file
from tftrain.without_keras.loaded_model import LoadedModel, Refused
from tftrain.without_keras.warmup_file import FILE, MOST


def problems(model: LoadedModel, folder: Path) -> Iterator[str]:
    """Sends the model its warm-up requests, and tells in sentences which it refuses.

    Args:
        model: As loaded from `folder`.
        folder: A version's, with or without such a file.
    """
    try:
        records = list(warmup_file.records(folder))
    except tf.errors.OpError as error:
        yield f"{FILE} cannot be read: {error.message}"
        return
    if len(records) > MOST:
        yield f"{FILE} holds {len(records)} requests; TF Serving takes at most {MOST}"
    for number, record in enumerate(records, 1):
        try:
            _replay(model, prediction_log_pb2.PredictionLog.FromString(record))
        except Exception as error:
            reason = str(error) if isinstance(error, Refused) else repr(error)
            yield f"warm-up request {number} of {len(records)} is refused: {reason}"


def _replay(model: LoadedModel, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    if kind not in _REPLAYS:
        raise Refused(f"it is a {kind}; expected {', '.join(_REPLAYS)}")
    request = getattr(log, kind).request
    signature = request.model_spec.signature_name or "serving_default"
    try:
        _REPLAYS[kind](model, signature, request)
    except Refused as refused:
        raise Refused(f"signature {signature!r}: {refused}") from refused


def _predict(model: LoadedModel, signature: str, request: Any) -> None:
    inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
    model.call(signature, inputs, tuple(request.output_filter))


def _examples(method: str) -> Callable[[LoadedModel, str, Any], None]:
    def call(model: LoadedModel, signature: str, request: Any) -> None:
        found = model.signatures[signature].method_name if signature in model.signatures else method
        if found != method:
            raise Refused(f"its method is {found}, and the request's {method}")
        examples = request.input.example_list.examples
        serialized = [example.SerializeToString() for example in examples]
        outputs = model.call(signature, {"inputs": np.array(serialized, dtype=object)})
        for name, values in outputs.items():
            if values.shape[:1] != (len(examples),):
                raise Refused(f"{name!r} has shape {values.shape} for {len(examples)} examples")

    return call


_REPLAYS = {
    "predict_log": _predict,
    "classify_log": _examples("tensorflow/serving/classify"),
    "regress_log": _examples("tensorflow/serving/regress"),
}
