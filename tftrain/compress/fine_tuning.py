"""Training a twin for a short while, with what the Keras 3 model was compiled with."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tftrain.compress import compile_translation
from tftrain.compress.carried_callbacks import carried
from tftrain.compress.tf_keras_api import tf_keras
from tftrain.errors import CompressionError
from tftrain.keras_api import keras, tf


@dataclasses.dataclass(frozen=True)
class FineTuning:
    """How a model is trained while it is compressed.

    Attributes:
        epochs: Passes over the data.
        batch_size: Examples of a batch; datasets have batches of their own.
        validation: `(x, y)` or a dataset, evaluated after every epoch.
        callbacks: Keras callbacks; `self.model` is the model in training, of tf_keras.
        optimizer: Instead of the model's own, which begins anew.
        learning_rate: Instead of the optimizer's.
        steps_per_epoch: Of a dataset that does not know how many batches it has.
        seed: Of the order of arrays, of dropout and of all else that is random.
        verbose: As `fit` takes it; by default a progress bar on a terminal, else nothing.
    """

    epochs: int = 2
    batch_size: int = 128
    validation: Any = None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    optimizer: keras.optimizers.Optimizer | None = None
    learning_rate: float | None = None
    steps_per_epoch: int | None = None
    seed: int = 0
    verbose: int | None = None

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)!r}; expected at least 1"
            for name in ("epochs", "batch_size")
            if getattr(self, name) < 1
        ]
        if self.learning_rate is not None and not self.learning_rate > 0:
            problems.append(f"learning_rate is {self.learning_rate!r}; expected more than 0")
        if problems:
            raise CompressionError(problems)

    def check(self, train: Any) -> None:
        """Raises CompressionError where these are no training data."""
        if not isinstance(train, tf.data.Dataset):
            arrays(train)

    def steps(self, train: Any) -> int:
        """Updates of the whole training.

        Raises:
            CompressionError: A dataset does not tell how many batches it has.
        """
        if self.steps_per_epoch is not None:
            return self.epochs * self.steps_per_epoch
        if not isinstance(train, tf.data.Dataset):
            rows = len(tf.nest.flatten(arrays(train)[0])[0])
            return self.epochs * math.ceil(rows / self.batch_size)
        batches = int(train.cardinality())
        if batches < 0:
            raise CompressionError(
                ["the dataset does not tell how many batches it has: give steps_per_epoch="]
            )
        return self.epochs * batches

    def compile(self, twin: Any, source: keras.Model) -> None:
        """Compiles a twin, or what tfmot has made of it, as its source is."""
        twin.compile(**compile_translation.translated(source, self.optimizer))
        if self.learning_rate is not None:
            twin.optimizer.learning_rate = self.learning_rate

    def fit(self, twin: Any, train: Any, callbacks: Sequence[Any] = ()) -> dict[str, list[float]]:
        """Trains a compiled twin.

        Args:
            twin: The model.
            train: `(x, y)`, `(x, y, sample_weight)`, something with `.x` and `.y`, or a dataset.
            callbacks: tf_keras callbacks that come before the others.

        Returns:
            Losses and metrics, a number an epoch.
        """
        verbose = self.verbose if self.verbose is not None else int(sys.stderr.isatty())
        _make_variables(twin, train)
        history = twin.fit(
            **self._training_data(train),
            epochs=self.epochs,
            validation_data=self._validation_data(),
            steps_per_epoch=self.steps_per_epoch,
            callbacks=[*callbacks, *map(carried, self.callbacks)],
            verbose=verbose,
        )
        return history.history

    def _training_data(self, train: Any) -> dict[str, Any]:
        if isinstance(train, tf.data.Dataset):
            return {"x": train}
        names = ("x", "y", "sample_weight")
        return {**dict(zip(names, arrays(train), strict=False)), "batch_size": self.batch_size}

    def _validation_data(self) -> Any:
        if self.validation is None or isinstance(self.validation, tf.data.Dataset):
            return self.validation
        return arrays(self.validation)


def _make_variables(twin: Any, train: Any) -> None:
    """Makes those of the optimizer and the metrics: a first step that makes any is traced twice."""
    targets = _targets(train)
    if targets is None or twin.compiled_metrics.built:
        return
    outputs = twin._nested_outputs
    with twin.distribute_strategy.scope():
        twin.optimizer.build(twin.trainable_variables)
        twin.compiled_loss.build(outputs)
        metrics = twin.compiled_metrics
        metrics.build(outputs, metrics._conform_to_outputs(outputs, targets))


def _targets(train: Any) -> Any:
    """A batch of targets by its specs, nested as they are; None where they are not known."""
    if isinstance(train, tf.data.Dataset):
        spec = train.element_spec
        targets = spec[1] if isinstance(spec, tuple) and len(spec) > 1 else None
    else:
        targets = tf.nest.map_structure(_spec, arrays(train)[1])
    shapes = [getattr(leaf, "shape", None) for leaf in tf.nest.flatten(targets)]
    return targets if all(getattr(shape, "rank", None) for shape in shapes) else None


def _spec(array: Any) -> tf.TensorSpec | None:
    return tf.TensorSpec([None, *np.shape(array)[1:]]) if np.ndim(array) else None


def arrays(data: Any) -> tuple[Any, ...]:
    """`(x, y)` or `(x, y, sample_weight)` of what is given as training data.

    Raises:
        CompressionError: It is neither.
    """
    if isinstance(data, (tuple, list)) and len(data) in (2, 3):
        return tuple(data)
    if hasattr(data, "x") and hasattr(data, "y"):
        return data.x, data.y
    raise CompressionError(
        [f"training data are a {type(data).__name__}; expected (x, y) or a tf.data.Dataset"]
    )


def begin(seed: int) -> None:
    """Makes what follows random in the same way each time."""
    tf_keras.utils.set_random_seed(seed)
