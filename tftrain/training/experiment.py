"""One training run, from settings to result, everything kept in its folder."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from tftrain import data, distribute, models, optim
from tftrain.atomic import replace_file
from tftrain.keras_api import keras, tf
from tftrain.training.config import TrainConfig
from tftrain.training.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A compiled model with the data and settings it is to be trained by."""

    config: TrainConfig
    splits: data.Splits
    model: keras.Model


def make_strategy(config: TrainConfig) -> tf.distribute.Strategy:
    """The strategy asked for; to be made before TensorFlow runs anything.

    In a parameter-server job this serves, and then ends the process, in every task but one.
    """
    return distribute.strategy(
        config.strategy, devices=config.devices, sync_every=config.sync_every
    )


def prepare(
    config: TrainConfig, splits: data.Splits, strategy: tf.distribute.Strategy
) -> Experiment:
    """Seeds everything and builds the compiled model under the strategy.

    Seeding is for the whole process. TensorFlow's CPU kernels are deterministic as they are; on
    a machine with GPUs its deterministic kernels are switched on.
    """
    keras.utils.set_random_seed(config.seed)
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
    with strategy.scope():
        model = models.by_name(config.model, splits.info.shape, splits.info.classes)
        model.compile(
            optimizer=optim.compress_gradients(
                optim.optimizer(config.optimizer, config.learning_rate),
                config.gradient_codec,
                warmup_steps=config.gradient_codec_warmup,
            ),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
    rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    known = dataclasses.replace(config, learning_rate=float(f"{rate:.7g}"))  # float32's digits
    return Experiment(known, splits, model)


def run(
    experiment: Experiment,
    folder: RunFolder,
    callbacks: Sequence[keras.callbacks.Callback],
    first_epoch: int = 0,
) -> dict[str, Any]:
    """Trains, tests, and writes the model and the result into the run's folder.

    Args:
        experiment: What to train.
        folder: Where to write; its metrics file times the epochs.
        callbacks: Keras callbacks; one of them writes the metrics file.
        first_epoch: Epochs already done by the run that is resumed.

    Returns:
        The content of result.json.

    Raises:
        KeyboardInterrupt: As received, once the folder says that the run was interrupted.
    """
    folder.write_json(folder.result, {"status": "running"})
    try:
        _fit(experiment, callbacks, first_epoch)
        result = _result(experiment, folder)
    except KeyboardInterrupt:
        epochs = len(folder.read_metrics())
        folder.write_json(folder.result, {"status": "interrupted", "epochs": epochs})
        raise
    with replace_file(folder.model) as temporary:
        experiment.model.save(temporary)
    folder.write_json(folder.result, result)
    return result


def _fit(
    experiment: Experiment, callbacks: Sequence[keras.callbacks.Callback], first_epoch: int
) -> None:
    config, splits = experiment.config, experiment.splits
    experiment.model.fit(
        data.training_batches(
            splits.train, config.batch_size, seed=config.seed, first_epoch=first_epoch
        ),
        steps_per_epoch=data.steps_per_epoch(splits.train, config.batch_size),
        validation_data=splits.validation and (splits.validation.x, splits.validation.y),
        validation_batch_size=config.batch_size,
        initial_epoch=first_epoch,
        epochs=config.epochs,
        callbacks=list(callbacks),
        shuffle=False,  # the batches are shuffled already
        verbose=0,
    )


def _result(experiment: Experiment, folder: RunFolder) -> dict[str, Any]:
    config, splits = experiment.config, experiment.splits
    tested = experiment.model.evaluate(
        splits.test.x, splits.test.y, batch_size=config.batch_size, verbose=0, return_dict=True
    )
    seconds = sum(line["seconds"] for line in folder.read_metrics())
    return {
        "status": "finished",
        "test_accuracy": tested["accuracy"],
        "test_loss": tested["loss"] if math.isfinite(tested["loss"]) else None,
        "train_seconds": round(seconds, 3),
        "examples_per_second": round(config.epochs * len(splits.train) / seconds, 1),
        "epochs": config.epochs,
        "parameters": experiment.model.count_params(),
        "engine": "keras",
    }
