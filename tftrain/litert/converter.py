"""TensorFlow's converter, in a process of its own.

It crashes on some models (recurrent ones in full int8 among them), and nobody knows on which it
will next; what crashes here is a process that holds nothing.
"""

from __future__ import annotations

from pathlib import Path

from tftrain.companion_process import Companion, Crashed, GaveUp
from tftrain.errors import ConversionFailed

_companion = Companion("tftrain.litert.converter_process")
ConverterCrashed = Crashed


def warm_up() -> None:
    """Starts the process if there is none; returns at once."""
    _companion.warm_up()


def convert(folder: Path) -> bytes:
    """Lets the process do the job in a folder.

    Args:
        folder: As `converter_process` describes it.

    Raises:
        ConversionFailed: The converter gave up; the message is its own.
        ConverterCrashed: The process ended instead of answering.
    """
    try:
        _companion.work(folder)
    except GaveUp as error:
        raise ConversionFailed(str(error), error.log) from error
    return (folder / "model.tflite").read_bytes()
