"""Variables in which each replica keeps values of its own between steps, and which are saved.

TensorFlow saves a variable of a distributed model as one tensor. Of what differs between replicas
that is the sum, and a restored replica gets an equal part of it: what the replicas owe the model
altogether is kept, who owes it is not.
"""

from __future__ import annotations

import numpy as np

from tftrain.keras_api import keras


class ReplicaState:
    """Makes a codec's variables.

    Attributes:
        variables: All that were made, Keras variables.
    """

    def __init__(self) -> None:
        self.variables: list[keras.Variable] = []

    def owed(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        """Zeros, float32, that come to differ between replicas and matter by their sum."""
        variable = self._make(name, np.zeros(shape, np.float32), "sum")
        variable.differs_between_replicas = True  # for callbacks/replica_values.py
        return variable

    def agreed(self, name: str, value: np.ndarray) -> keras.Variable:
        """A variable that every replica gives the same values."""
        return self._make(name, value, "only_first_replica")

    def _make(self, name: str, value: np.ndarray, aggregation: str) -> keras.Variable:
        variable = keras.Variable(
            value,
            dtype="float32",
            trainable=False,
            autocast=False,
            synchronization="on_read",
            aggregation=aggregation,
            name=f"codec_{name}",
        )
        self.variables.append(variable)
        return variable


def restore(variable: keras.Variable, total: np.ndarray) -> None:
    """Gives this worker's replicas their part of what was saved, without asking the others.

    `variable.assign` would read the sum back from all workers, and the chief alone reads files.
    """
    strategy = variable.value.distribute_strategy
    count = strategy.num_replicas_in_sync if variable.aggregation == "sum" else 1
    for part in strategy.experimental_local_results(variable.value):
        part.assign(np.asarray(total) / count)
