"""The process that runs the converter: `python -m tftrain.litert.converter_process`.

It reads the names of job folders from its standard input, a line each, and answers each with a
line. A job folder holds `saved_model/`, `job.json` and perhaps `examples.npz`; it receives
`model.tflite` or `error.txt`, and `log.txt` with all that the converter says. The process ends with
its input, or when nothing was asked of it for a minute.
"""

from __future__ import annotations

import json
import os
import selectors
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from tftrain.keras_api import tf
from tftrain.litert import four_bits, modes, notes

_IDLE_SECONDS = 60.0


def main() -> None:
    """Serves jobs until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    _send_output_to(os.devnull)
    tf.lite.TFLiteConverter  # noqa: B018 - loads what every job needs
    while folder := _next_line(sys.stdin):
        job = Path(folder)
        _send_output_to(job / "log.txt")
        try:
            (job / "model.tflite").write_bytes(_converted(job))
        except Exception as error:
            (job / "error.txt").write_text(f"{type(error).__name__}: {error}")
        _send_output_to(os.devnull)
        answers.write("done\n")


def _next_line(stream: TextIO) -> str:
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        ready = selector.select(_IDLE_SECONDS)
    return stream.readline().strip() if ready else ""


def _send_output_to(path: str | os.PathLike[str]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


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


if __name__ == "__main__":
    main()
