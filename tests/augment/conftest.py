"""Batches to augment, and a way to run augmentations without XLA."""

import contextlib

import numpy as np
import pytest

from tftrain.keras_api import tf

CLASSES = 5
SOFT = ("cutmix", "flip_labels", "mixup", "smooth_labels")


@contextlib.contextmanager
def operation_by_operation():
    """Programs off: what remains are TensorFlow's own operations, one after another."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def options(name):
    return {"classes": CLASSES} if name in SOFT else {}


def make_images(count, height, width, channels, dtype="uint8"):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, height, width, channels), np.uint8)
    return images if dtype == "uint8" else tf.cast(images / np.float32(255), dtype)


@pytest.fixture(scope="session")
def images():
    return make_images(6, 12, 17, 3)


@pytest.fixture(scope="session")
def labels():
    return np.array([0, 4, 1, 3, 2, 2])
