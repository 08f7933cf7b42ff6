"""The arguments of `model.fit`, by name, and the data among them."""

from __future__ import annotations

import inspect
from typing import Any

from keras.src.trainers.data_adapters import array_data_adapter, array_slicing, data_adapter_utils

from tftrain import data
from tftrain.keras_api import keras
from tftrain.training.fit_data import FitData


def by_name(args: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """All of them but the model, with Keras's defaults for those not given."""
    bound = inspect.signature(keras.Model.fit).bind(None, *args, **options)
    asked_to_shuffle = bound.arguments.get("shuffle")
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    del arguments["self"]
    if isinstance(arguments["x"], data.Examples):
        arguments["x"], arguments["y"] = arguments["x"].x, arguments["x"].y
    if isinstance(arguments["validation_data"], data.Examples):
        examples = arguments["validation_data"]
        arguments["validation_data"] = (examples.x, examples.y)
    if asked_to_shuffle is None and not _is_arrays(arguments):
        arguments["shuffle"] = False  # Keras warns that its own default has no effect
    return arguments


def _is_arrays(arguments: dict[str, Any]) -> bool:
    """Whether the data are arrays, which can be shuffled."""
    given = tuple(arguments[name] for name in ("x", "y", "sample_weight"))
    return array_data_adapter.can_convert_arrays(given)


def data_of(arguments: dict[str, Any], seed: int | None) -> tuple[FitData, FitData | None]:
    """Training and validation data."""
    train = tuple(arguments[name] for name in ("x", "y", "sample_weight"))
    validation = arguments["validation_data"]
    if arguments["validation_split"] and validation is None:
        train, validation = array_slicing.train_validation_split(
            train, validation_split=arguments["validation_split"]
        )
    batch_size = arguments["batch_size"]
    training = FitData(
        train,
        batch_size=batch_size,
        steps=arguments["steps_per_epoch"],
        shuffle=arguments["shuffle"],
        class_weight=arguments["class_weight"],
        seed=seed,
    )
    if validation is None:
        return training, None
    return training, FitData(
        data_adapter_utils.unpack_x_y_sample_weight(validation),
        batch_size=arguments["validation_batch_size"] or batch_size,
        steps=arguments["validation_steps"],
    )
