"""What every program trains: networks by their sizes, and the data as arrays."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

CLASSES = 10
LEARNING_RATE, EPSILON = 1e-3, 1e-7  # Keras's Adam
DROPOUT = {"mlp": 0.2, "mlp_1000": 0.0, "cnn": 0.3, "lstm": 0.2}
HIDDEN = {"mlp": (128,), "mlp_1000": (128, 64)}
FILTERS, DENSE, UNITS = (32, 64), 128, 128  # of the cnn; of the lstm
SHAPES = {"mlp": (28, 28), "mlp_1000": (1000,), "cnn": (28, 28, 1), "lstm": (28, 28)}


@dataclasses.dataclass(frozen=True)
class Workload:
    """A network, the batch of training and validation, and the type of the arithmetic."""

    network: str
    batch: int
    bfloat16: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return SHAPES[self.network]

    @property
    def dropout(self) -> float:
        return DROPOUT[self.network]

    @property
    def dense_sizes(self) -> tuple[int, ...]:
        """Of an MLP: features, hidden units, classes."""
        return (int(np.prod(self.shape)), *HIDDEN[self.network], CLASSES)


WORKLOADS = {
    "mlp-32": Workload("mlp", 32),
    "mlp-128": Workload("mlp", 128),
    "mlp_1000-32": Workload("mlp_1000", 32),
    "cnn-128": Workload("cnn", 128),
    "cnn_bfloat16-128": Workload("cnn", 128, bfloat16=True),
    "lstm-128": Workload("lstm", 128),
}


@dataclasses.dataclass(frozen=True)
class Data:
    """float32 `[N, *shape]` and int32 `[N]`, to train on and to validate with."""

    x: np.ndarray
    y: np.ndarray
    validation_x: np.ndarray
    validation_y: np.ndarray

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in vars(self).values())


def read(path: str | os.PathLike[str], shape: tuple[int, ...]) -> Data:
    """The arrays of an .npz with the names of mnist.npz; bytes become numbers in [0, 1]."""
    with np.load(path) as arrays:
        x, validation_x = (_scaled(arrays[name], shape) for name in ("x_train", "x_test"))
        y, validation_y = (arrays[name].astype(np.int32) for name in ("y_train", "y_test"))
    return Data(x, y, validation_x, validation_y)


def _scaled(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if x.dtype == np.uint8:
        x = np.divide(x, np.float32(255), dtype=np.float32)
    return x.reshape(len(x), *shape)
