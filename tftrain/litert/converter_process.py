"""What the converter's process does: see `tftrain.companion_process`.

A job's folder holds `saved_model/`, `job.json` and perhaps `examples.npz`; it receives
`model.tflite`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tftrain.keras_api import tf
from tftrain.litert import four_bits, modes, notes


def prepare() -> None:
    """Loads what every job needs."""
    tf.lite.TFLiteConverter  # noqa: B018 - imported when first used


def work(folder: Path) -> None:
    """Converts the SavedModel in a job's folder."""
    (folder / "model.tflite").write_bytes(_converted(folder))


def _converted(job: Path) -> bytes:
    settings = json.loads((job / "job.json").read_text())
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(job / "saved_model"), signature_keys=[settings["signature"]]
    )
    mode, examples = modes.mode(settings["mode"]), job / "examples.npz"
    mode.apply(converter, calibrated=examples.exists())
    if settings["integer_io"]:
        converter.inference_input_type = converter.inference_output_type = tf.int8
    if examples.exists():
        with np.load(examples) as arrays:
            converter.representative_dataset = _batches(dict(arrays), settings["batch"])
    content = converter.convert()
    if mode.four_bits:
        content = four_bits.quantized(content)
    return notes.written(content, settings["notes"])


def _batches(arrays: dict[str, np.ndarray], size: int) -> Callable[[], Iterator[dict[str, Any]]]:
    rows = len(next(iter(arrays.values())))

    def batches() -> Iterator[dict[str, Any]]:
        for start in range(0, rows - size + 1, size):
            yield {name: array[start : start + size] for name, array in arrays.items()}

    return batches
