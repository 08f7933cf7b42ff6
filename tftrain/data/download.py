"""Fetch a dataset's files into the Keras cache; offline, say so within seconds."""

from __future__ import annotations

import os
import threading
import urllib.request
from pathlib import Path

from tftrain.errors import DataError
from tftrain.keras_api import keras

SECONDS_TO_CONNECT = 4.0


def cache_folder() -> Path:
    """Where Keras keeps datasets: `$KERAS_HOME/datasets`, by default `~/.keras/datasets`."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "datasets"


def reachable(url: str, seconds: float = SECONDS_TO_CONNECT) -> bool:
    """Whether a server answers at `url` within this time, name look-up included."""
    answered = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=seconds).close()
        except OSError:
            return
        answered.set()

    thread = threading.Thread(target=ask, daemon=True)  # a name look-up obeys no timeout
    thread.start()
    thread.join(seconds)
    return answered.is_set()


def fetch(url: str, subfolder: str = "", sha256: str | None = None) -> Path:
    """Downloads `url` into the Keras cache, with a progress bar.

    Raises:
        DataError: The server does not answer, or the file's hash is wrong.
    """
    if not reachable(url):
        raise DataError(f"{url} cannot be reached")
    target = cache_folder() / subfolder
    target.mkdir(parents=True, exist_ok=True)  # else Keras quietly saves elsewhere
    try:
        return Path(
            keras.utils.get_file(
                origin=url,
                file_hash=sha256,
                cache_dir=str(target.parent),
                cache_subdir=target.name,
            )
        )
    except Exception as error:  # get_file raises bare Exception for what went wrong on the way
        raise DataError(f"{url} cannot be downloaded: {error}") from error
