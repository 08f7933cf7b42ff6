"""Requests that TensorFlow Serving replays before it serves a version.

The first call of a model is slow: memory is allocated, kernels are chosen. A server that finds
`assets.extra/tf_serving_warmup_requests` makes these calls before it takes others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.export import example_records
from tftrain.export.signature_choice import CLASSIFY, REGRESS
from tftrain.export.verification_cases import sent
from tftrain.keras_api import tf
from tftrain.without_keras.warmup_file import FILE, MOST

_BYTES = 32 * 2**20  # of the inputs of one request


def write(
    folder: Path,
    model_name: str,
    names: Collection[str],
    examples: Mapping[str, np.ndarray],
    batch_sizes: Collection[int],
) -> None:
    """Writes a request for each signature and batch size.

    Args:
        folder: Of the SavedModel.
        model_name: As it is served.
        names: Of the signatures.
        examples: Raw inputs; they are repeated where a batch is larger.
        batch_sizes: Those that a server will make. Of more than 32 MiB only the batch of one is
            written.
    """
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    sizes = _sizes(examples, batch_sizes)[: MOST // len(names)]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for size in sizes:
            rows = {name: _rows(array, size) for name, array in examples.items()}
            for name in names:
                writer.write(_log(model_name, name, rows).SerializeToString())


def _sizes(examples: Mapping[str, np.ndarray], batch_sizes: Collection[int]) -> list[int]:
    of_row = sum(array[:1].nbytes for array in examples.values())
    return [size for size in sorted({1, *batch_sizes}) if size == 1 or size * of_row <= _BYTES]


def _rows(array: np.ndarray, size: int) -> np.ndarray:
    return array[np.arange(size) % len(array)]


def _log(model_name: str, name: str, raw: Mapping[str, np.ndarray]) -> Any:
    from tensorflow_serving.apis import prediction_log_pb2  # loads TensorFlow

    log = prediction_log_pb2.PredictionLog()
    part = {CLASSIFY: log.classify_log, REGRESS: log.regress_log}.get(name, log.predict_log)
    request = part.request
    request.model_spec.name, request.model_spec.signature_name = model_name, name
    if name in (CLASSIFY, REGRESS):
        request.input.example_list.examples.extend(example_records.examples(raw))
    else:
        for key, array in sent(name, raw).items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(array))
    return log
