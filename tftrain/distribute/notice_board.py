"""Short texts that workers leave for one another, in TensorFlow's coordination service.

The service runs in the first task of a MultiWorkerMirroredStrategy anyway; its key-value store
needs no further connection. Keys are written once.
"""

from __future__ import annotations

import contextlib
import time

from tftrain.keras_api import tf

_PREFIX = "tftrain/"
_BEGIN, _END = "<tftrain stop: ", " :stop>"


def post(key: str, text: str) -> None:
    """Leaves a text for everyone."""
    _context().set_config_key_value(_PREFIX + key, text)


def read(key: str, seconds: float) -> str | None:
    """The text under a key, waiting for it if need be; None after the time limit."""
    try:
        limit = max(1, round(seconds * 1000))
        return _context().get_config_key_value(_PREFIX + key, limit)
    except (tf.errors.DeadlineExceededError, tf.errors.NotFoundError):
        return None


def read_first(keys: list[str], seconds: float) -> tuple[str, str] | None:
    """The first of several keys that has a text, and the text; None after the time limit."""
    deadline = time.monotonic() + seconds
    while True:
        for key in keys:
            text = read(key, 0.1)
            if text is not None:
                return key, text
        if time.monotonic() >= deadline:
            return None


def stop_everyone(reason: str) -> None:
    """Ends the other workers' collectives with an error that holds `reason`."""
    # Fails where the error has already come from elsewhere, which is as good.
    with contextlib.suppress(tf.errors.OpError, RuntimeError):
        text = f"{_BEGIN}{reason}{_END}"
        _context().report_error_to_cluster(tf.errors.FAILED_PRECONDITION, text)


def reason_to_stop(message: str) -> str | None:
    """The reason another worker gave to `stop_everyone`, from TensorFlow's error message."""
    _, begin, rest = message.partition(_BEGIN)
    reason, end, _ = rest.partition(_END)
    return reason if begin and end else None


def _context() -> object:
    from tensorflow.python.eager import context

    return context.context()
