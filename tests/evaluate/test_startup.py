"""Processes that load a model and answer."""

import sys

import numpy as np
import pytest

from tests import warm_python
from tftrain.errors import StartupFailed
from tftrain.evaluate import startup
from tftrain.keras_api import keras

X = np.ones((4, 3), "float32")


def test_phases_are_by_the_clock_and_memory_is_the_process_own(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    times = iter([1.0, 2.0, 4.0, 8.0])
    found, memory = startup(
        tmp_path / "model.keras", X, clock=lambda: next(times), python=warm_python.command()
    )
    assert (found.import_seconds, found.load_seconds, found.first_answer_seconds) == (1, 2, 4)
    assert found.seconds == 7
    assert 100e6 < memory < 10e9  # TensorFlow alone takes the former


def test_a_file_that_cannot_be_loaded_is_named(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"damaged")
    with pytest.raises(StartupFailed, match=r"model\.keras \(exit code 1, 1 of 3 phases"):
        startup(tmp_path / "model.keras", X, python=warm_python.command())


def test_a_process_that_does_not_answer_is_killed(tmp_path):
    asleep = (sys.executable, "-c", "import time; time.sleep(60)")
    with pytest.raises(StartupFailed, match=r"exit code -9, 0 of 3 phases, at most 0\.2 s"):
        startup(tmp_path / "model.keras", X, python=asleep, timeout=0.2)
