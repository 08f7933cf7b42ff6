"""The networks in Keras's words: of Keras 3 on any backend, or of tf_keras."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workloads import CLASSES, DENSE, FILTERS, HIDDEN, LEARNING_RATE, UNITS, Data, Workload

if TYPE_CHECKING:
    from sheet import Sheet


def build(keras: Any, workload: Workload) -> Any:
    """A model, not compiled.

    Args:
        keras: The module `keras` or `tf_keras`.
        workload: Its network and type.
    """
    if workload.bfloat16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    body = {"cnn": _cnn, "lstm": _lstm}.get(workload.network, _mlp)
    model = keras.Sequential([keras.Input(workload.shape), *body(keras.layers, workload)])
    # The probabilities stay float32 under mixed_bfloat16, as Keras advises.
    model.add(keras.layers.Dense(CLASSES, activation="softmax", dtype="float32"))
    return model


def _mlp(layers: Any, workload: Workload) -> list[Any]:
    stack = [layers.Flatten()]
    for units in HIDDEN[workload.network]:
        stack.append(layers.Dense(units, activation="relu"))
        if workload.dropout:
            stack.append(layers.Dropout(workload.dropout))
    return stack


def _cnn(layers: Any, workload: Workload) -> list[Any]:
    stack = []
    for channels in FILTERS:
        stack.append(layers.Conv2D(channels, 3, padding="same", activation="relu"))
        stack.append(layers.MaxPooling2D())
    stack += [layers.Flatten(), layers.Dropout(workload.dropout)]
    return [*stack, layers.Dense(DENSE, activation="relu")]


def _lstm(layers: Any, workload: Workload) -> list[Any]:
    return [layers.LSTM(UNITS), layers.Dropout(workload.dropout)]


def compile_model(keras: Any, model: Any, **options: Any) -> None:
    """Adam, the loss and the metric of all programs."""
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        **options,
    )


def fit_arguments(keras: Any, sheet: Sheet, data: Data) -> dict[str, Any]:
    """What `fit` gets after the model, in every Keras."""

    class Stamps(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            sheet.end_epoch()

    return {
        "x": data.x,
        "y": data.y,
        "batch_size": sheet.workload.batch,
        "epochs": sheet.epochs,
        "validation_data": (data.validation_x, data.validation_y),
        "callbacks": [Stamps()],
        "verbose": 0,
    }


def write_report(sheet: Sheet, model: Any, history: Any) -> None:
    """Reports how the training ended."""
    last = {name: values[-1] for name, values in history.history.items()}
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    sheet.write(
        loss=float(last["loss"]),
        accuracy=float(last["accuracy"]),
        validation_accuracy=float(last["val_accuracy"]),
        parameters=trainable,
        updates=int(model.optimizer.iterations),
    )
