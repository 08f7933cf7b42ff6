"""One training run, from settings to result, everything kept in its folder."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tftrain import augment, data, distribute, models
from tftrain.atomic import replace_file
from tftrain.errors import Preempted
from tftrain.keras_api import keras, tf
from tftrain.training import engines, optimization
from tftrain.training.config import TrainConfig, strategy_options
from tftrain.training.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A compiled model with the data and settings it is to be trained by.

    `augmentation` is what training batches go through.
    """

    config: TrainConfig
    splits: data.Splits
    model: keras.Model
    augmentation: augment.Composition | None

    def batches(self, first_epoch: int = 0) -> tf.data.Dataset:
        """Training batches without end, from the epoch given."""
        return data.pipeline(
            self.splits.train,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
            cache=self.config.cache,
            augment=self.augmentation,
            repeat=True,
            first_epoch=first_epoch,
        )

    def fit_arguments(self, first_epoch: int = 0) -> dict[str, Any]:
        """What `tftrain.fit` is to be called with, but for callbacks."""
        config, validation = self.config, self.splits.validation
        return {
            **(self._arrays() or self._batches(first_epoch)),
            "validation_data": validation and self.pair(validation),
            "validation_batch_size": config.batch_size,
            "initial_epoch": first_epoch,
            "epochs": config.epochs,
            "verbose": 0,
        }

    def _arrays(self) -> dict[str, Any] | None:
        """Arrays in the order that the pipeline gives them, for engines that want them whole."""
        train, strategy = self.splits.train, self.model._distribute_strategy
        if self.augmentation or strategy is not None or not isinstance(train, data.Examples):
            return None
        size, seed = self.config.batch_size, self.config.seed
        return {"x": train.x, "y": train.y, "batch_size": size, "seed": seed}

    def _batches(self, first_epoch: int) -> dict[str, Any]:
        steps = data.steps_per_epoch(self.splits.train, self.config.batch_size)
        batches = self.batches(first_epoch)
        return {"x": batches, "steps_per_epoch": steps, "shuffle": False}  # they are shuffled

    def pair(self, examples: data.Examples) -> tuple[np.ndarray, np.ndarray]:
        """Images and what the loss compares predictions of them with."""
        return examples.x, self.targets(examples.y)

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Labels `[N]` as the loss takes them: `[N, K]` where augmentation mixes them."""
        if self.augmentation and self.augmentation.mixes_labels:
            return keras.utils.to_categorical(y, self.splits.info.classes)
        return y


def make_strategy(config: TrainConfig) -> tf.distribute.Strategy:
    """The strategy asked for; to be made before TensorFlow runs anything.

    In a parameter-server job this serves, and then ends the process, in every task but one.
    """
    options = strategy_options(config)
    if config.memory_per_device is not None:
        options |= {"model": lambda: _planned_model(config), "batch_size": config.batch_size}
    return distribute.strategy(config.strategy, **options)


def _planned_model(config: TrainConfig) -> keras.Model:
    """The model that will be trained, made for the planner to look at."""
    splits = data.load(config.dataset, data_dir=config.data_dir)
    return _compiled(optimization.with_learning_rate(config), splits)


def seed_everything(seed: int) -> None:
    """Seeds the whole process.

    TensorFlow's CPU kernels are deterministic as they are; on a machine with GPUs its deterministic
    kernels are switched on.
    """
    keras.utils.set_random_seed(seed)
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def prepare(
    config: TrainConfig, splits: data.Splits, strategy: tf.distribute.Strategy
) -> Experiment:
    """Seeds everything and builds the compiled model under the strategy."""
    seed_everything(config.seed)
    augmentation = _augmentation(config, splits.info.classes)
    config = optimization.with_learning_rate(config)
    with strategy.scope():
        model = _compiled(config, splits, augmentation)
    return Experiment(config, splits, model, augmentation)


def _compiled(
    config: TrainConfig, splits: data.Splits, augmentation: augment.Composition | None = None
) -> keras.Model:
    mixes = augmentation is not None and augmentation.mixes_labels
    steps = data.steps_per_epoch(splits.train, config.batch_size)
    model = models.by_name(
        config.model, splits.info.shape, splits.info.classes, dropout=config.dropout
    )
    optimization.penalize(model, config)
    model.compile(
        optimizer=optimization.make_optimizer(config, steps),
        loss="categorical_crossentropy" if mixes else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


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
        RecordsDamaged: A damaged record was met; the folder says that the run is unfinished.
        KeyboardInterrupt: As received, once the folder says that the run was interrupted.
        Preempted: Likewise, once it says that the run was preempted.
    """
    folder.write_json(folder.result, {"status": "running"})
    try:
        with data.records.naming_damage():
            engine = _fit(experiment, callbacks, first_epoch)
        result = {**_result(experiment, folder), "engine": engine}
    except (KeyboardInterrupt, Preempted) as error:
        status = "preempted" if isinstance(error, Preempted) else "interrupted"
        epochs = len(folder.read_metrics())
        folder.write_json(folder.result, {"status": status, "epochs": epochs})
        raise
    with replace_file(folder.model) as temporary:
        experiment.model.save(temporary)
    folder.drop_evaluation()  # it judged the model of before
    folder.write_json(folder.result, result)
    return result


def with_engine(experiment: Experiment) -> Experiment:
    """The experiment with its engine named, so that the settings record what is used."""
    from tftrain.training import fitting  # imports Keras, which --help must not wait for

    config = experiment.config
    if config.engine != engines.AUTO:
        return experiment
    engine = fitting.choose(experiment.model, **experiment.fit_arguments())
    return dataclasses.replace(experiment, config=dataclasses.replace(config, engine=engine))


def _fit(
    experiment: Experiment, callbacks: Sequence[keras.callbacks.Callback], first_epoch: int
) -> str:
    from tftrain.training import fitting  # as above
    from tftrain.training.data_identity import DataIdentity

    history = fitting.fit(
        experiment.model,
        **experiment.fit_arguments(first_epoch),
        callbacks=[DataIdentity(experiment.config, experiment.splits.train), *callbacks],
        engine=experiment.config.engine,
    )
    return history.engine


def _augmentation(config: TrainConfig, classes: int) -> augment.Composition | None:
    if config.augment is None:
        return None
    return augment.by_name(config.augment, classes=classes, dtype="float32")


def _result(experiment: Experiment, folder: RunFolder) -> dict[str, Any]:
    config, splits = experiment.config, experiment.splits
    tested = experiment.model.evaluate(
        *experiment.pair(splits.test), batch_size=config.batch_size, verbose=0, return_dict=True
    )
    seconds = sum(line["seconds"] for line in folder.read_metrics())
    examples = config.epochs * len(splits.train)
    return {
        "status": "finished",
        "test_accuracy": tested["accuracy"],
        "test_loss": tested["loss"] if math.isfinite(tested["loss"]) else None,
        "train_seconds": round(seconds, 3),
        "examples_per_second": round(examples / seconds, 1) if seconds else None,  # none was timed
        "epochs": config.epochs,
        "parameters": experiment.model.count_params(),
    }
