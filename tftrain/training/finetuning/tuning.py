"""`finetune`: the whole of it in one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from tftrain import data
from tftrain.errors import FineTuningError
from tftrain.keras_api import keras, tf
from tftrain.training import engines
from tftrain.training.finetuning.preparation import Settings, prepare
from tftrain.training.finetuning.selection import Selection
from tftrain.training.finetuning.stages import Stage
from tftrain.training.finetuning.transfer import Transfer


@dataclasses.dataclass(frozen=True)
class FineTuned:
    """What came of a fine-tuning.

    Attributes:
        model: The trained model, compiled.
        history: As `tftrain.fit` gives it, of all stages.
        loading: What was loaded into the model and what was not, and why; `print` shows it. None
            where the model was trained on as it was given.
        stages: Which layers were trained from which epoch on.
    """

    model: keras.Model
    history: keras.callbacks.History
    loading: Transfer | None
    stages: tuple[Stage, ...]


def finetune(
    model_or_run: Any,
    train: Any,
    *,
    validation: Any = None,
    classes: int | None = None,
    head: str | None = None,
    weights_from: Any = None,
    freeze: Selection = None,
    unfreeze_schedule: Mapping[int, Selection] | None = None,
    layer_decay: float | None = None,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule | None = None,
    loss: Any = None,
    metrics: Any = None,
    epochs: int = 5,
    batch_size: int = 32,
    seed: int | None = None,
    engine: str = engines.AUTO,
    strategy: tf.distribute.Strategy | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    **options: Any,
) -> FineTuned:
    """Goes on training a model that has learned something, on other data or for other classes.

    Depth counts the layers with weights, from the input; a normalization goes with the layer
    before it. BatchNormalization that is frozen uses its moving averages and leaves them alone.
    See docs/how-to/fine-tune.md.

    Args:
        model_or_run: A built Keras model, a run folder, or a `.keras` file.
        train: `data.Examples`, arrays (x, y), or a `tf.data.Dataset` of batches.
        validation: The same, or None.
        classes: Puts a new head of so many outputs in place of the old one, on a copy of the
            model; activation and loss stay in their form. None trains the model itself.
        head: Name of the Dense layer that is the head; None for the last one.
        weights_from: Another model, run or file, whose weights are carried over first, where name
            and shape agree; a new head stays new.
        freeze: What is not trained: names or patterns (`"conv*"`, or a list of them), how many
            layers from the input (3; -1 for all but the last), or what share of them (0.5). All
            others are trained. None leaves the layers' own `trainable` as it is.
        unfreeze_schedule: `{epochs done: layers trained from then on}`; numbers and shares count
            from the output: `{2: 2, 4: "*"}`.
        layer_decay: Factor in (0, 1] of the learning rate from each layer to the one before it.
        optimizer: A name of `tftrain.optim.names()`, or an optimizer that is not built yet.
        learning_rate: Of the last layer; None takes the optimizer's default.
        loss: None keeps the model's, or takes the one that suits the head if it has none.
        metrics: None keeps the model's, or takes the accuracy.
        epochs: Passes over the data, of all stages.
        batch_size: Examples a step; datasets have batches of their own.
        seed: Of the new head, the order and all else that is random in the process; None leaves
            the generators as they are.
        engine: See `tftrain.fit`.
        strategy: To train under; None takes the one in scope, else that of the model. A model
            made outside of it is copied into it.
        callbacks: Keras callbacks.
        **options: Other arguments of `tftrain.fit`, such as `steps_per_epoch`.

    Returns:
        The model, its history and what was loaded.

    Raises:
        FineTuningError: It cannot be done as asked for; all problems at once, before training.
        RunFolderError: The run has no finished model, or a file is damaged.

    Example:
        >>> from tftrain import data, models
        >>> digits = data.load("digits")
        >>> model = models.mlp(digits.info.shape, classes=4)
        >>> few = digits.train.take(digits.train.y < 2)
        >>> tuned = finetune(model, few, classes=2, freeze=-1, epochs=1, verbose=0)
        >>> tuned.model.output_shape, tuned.stages[0].trained
        ((None, 2), ('probabilities',))

    Reference: Howard and Ruder, *Universal Language Model Fine-tuning for Text Classification*,
    2018, for gradual unfreezing and discriminative rates.
    """
    from tftrain.training import fitting  # imports Keras

    engines.check_name(engine)
    if seed is not None:
        keras.utils.set_random_seed(seed)
    settings = Settings(
        classes=classes,
        head=head,
        weights_from=weights_from,
        freeze=freeze,
        unfreeze_schedule=unfreeze_schedule,
        layer_decay=layer_decay,
        optimizer=optimizer,
        learning_rate=learning_rate,
        loss=loss,
        metrics=metrics,
        epochs=epochs,
    )
    checked = [
        each for each in (("train", train), ("validation", validation)) if each[1] is not None
    ]
    arrays = [(what, *pair) for what, given in checked if (pair := _arrays(given, what))]
    prepared = prepare(model_or_run, settings, strategy, arrays)
    history = fitting.fit(
        prepared.model,
        **_data(train, batch_size),
        validation=validation,
        epochs=epochs,
        seed=seed,
        engine=engine,
        callbacks=[prepared.thawing, *callbacks],
        **options,
    )
    return FineTuned(prepared.model, history, prepared.loading, prepared.stages)


def _data(train: Any, batch_size: int) -> dict[str, Any]:
    pair = _arrays(train, "train")
    return {"x": train} if pair is None else {"x": pair[0], "y": pair[1], "batch_size": batch_size}


def _arrays(given: Any, what: str) -> tuple[Any, Any] | None:
    """(x, y) where data are arrays; None for a dataset, whose batches speak for themselves."""
    if isinstance(given, data.Examples):
        return given.x, given.y
    if isinstance(given, tuple) and len(given) == 2:
        return given
    if isinstance(given, tf.data.Dataset):
        return None
    raise FineTuningError(
        [f"{what} is a {type(given).__name__}; expected Examples, arrays (x, y) or a Dataset"]
    )
