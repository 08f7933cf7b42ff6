"""What several test modules share: a tiny dataset's files, a finished run."""

from __future__ import annotations

import gc
import gzip
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import patient_companion, warm_python
from tftrain import companion_process

os.environ["MPLBACKEND"] = "agg"
companion_process._PROGRAM = patient_companion.__name__
gc.disable()  # until all is collected, which makes little garbage
# A shell's background jobs ignore Ctrl-C, and so would the processes that tests start and stop.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Begun first, so that no process is left alone with one of them at the end; those that start
# processes take turns with those that keep to their own.
LONGEST = (
    "distribute/keras_bridge/test_equality.py",
    "training/test_fitting.py",
    "distribute/test_parameter_server.py",
    "cli/test_train.py",
    "cli/test_train_strategies.py",
    "recipes/test_recipes.py",
    "recipes/test_distributed_recipes.py",
    "docs/test_snippets.py",
    "compress/test_quantize_aware.py",
    "compress/test_strategies.py",
    "test_readme.py",
    "cli/test_kills.py",
    "augment/test_every_augmentation.py",
    "distribute/test_tensor_parallel.py",
    "distribute/pipeline/test_staged_training.py",
    "models/test_multi_task.py",
    "distribute/test_gradient_codecs.py",
    "callbacks/test_checkpoint.py",
    "benchmarks/test_serving.py",
    "cli/test_compress.py",
    "docs/test_site.py",
    "cli/test_stability_runs.py",
    "distribute/test_multiworker.py",
    "compress/test_cluster.py",
    "optim/test_replicas.py",
    "data/test_record_pipeline.py",
    "distribute/test_crash_and_restart.py",
    "compress/test_prune.py",
    "benchmarks/test_fit_speed.py",
    "litert/test_converter.py",
    "benchmarks/test_input_pipeline.py",
    "litert/test_conversion.py",
    "benchmarks/test_distribution.py",
    "benchmarks/test_compression.py",
    "distribute/keras_bridge/test_canaries.py",
    "distribute/keras_bridge/test_exact_resume.py",
    "distribute/test_local_sgd.py",
    "export/test_saved_model.py",
)


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish():
    """What was collected stays to the end: the garbage collector need not look at it again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """What is remembered, or told of running trainings, is not the user's nor for the user."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["TFTRAIN_LIVE_DIR"] = str(tmp_path_factory.mktemp("live"))


@pytest.fixture(scope="session")
def tiny_mnist() -> dict[str, np.ndarray]:
    """Forty MNIST-shaped examples, four of each class, under the names of mnist.npz."""
    random = np.random.default_rng(0)
    y = np.arange(40, dtype=np.uint8) % 10
    x = random.integers(0, 256, (40, 28, 28), dtype=np.uint8)
    return {"x_train": x, "y_train": y, "x_test": x[:20], "y_test": y[:20]}


@pytest.fixture
def mnist_npz(tmp_path, tiny_mnist):
    """A folder that holds mnist.npz."""
    np.savez(tmp_path / "mnist.npz", **tiny_mnist)
    return tmp_path


def idx_bytes(array: np.ndarray) -> bytes:
    """The array as an IDX file of unsigned bytes."""
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    return header + array.tobytes()


@pytest.fixture(params=["plain", "gz"])
def mnist_idx(request, tmp_path, tiny_mnist):
    """A folder that holds the four IDX files."""
    names = {
        "train-images-idx3-ubyte": "x_train",
        "train-labels-idx1-ubyte": "y_train",
        "t10k-images-idx3-ubyte": "x_test",
        "t10k-labels-idx1-ubyte": "y_test",
    }
    for name, key in names.items():
        content = idx_bytes(tiny_mnist[key])
        if request.param == "gz":
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """The folder of a run of two epochs on the digits."""
    from tftrain.cli.main import main

    out = tmp_path_factory.mktemp("runs") / "finished"
    assert main(["train", "--noverify_export", "--epochs=2", f"--out={out}"]) == 0
    return out


@pytest.fixture(scope="session")
def python():
    """Runs Python code in a clean process."""
    return lambda code, **environment: run_code([sys.executable], code, environment)


@pytest.fixture(scope="session")
def forked():
    """Runs Python code in a process of its own in which the libraries have been imported."""
    return lambda code, **environment: run_code(warm_python.command(), code, environment)


def run_code(python, code, environment) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "TF_USE_LEGACY_KERAS")
    }
    return subprocess.run(
        [*python, "-c", code],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
