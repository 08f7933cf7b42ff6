"""A model made ready to be fine-tuned: weights, head, frozen layers, optimizer."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tftrain import optim
from tftrain.errors import BadInput, FineTuningError
from tftrain.keras_api import keras, tf
from tftrain.refusals import refusals
from tftrain.training.finetuning import head as heads
from tftrain.training.finetuning import labels, rates, stages
from tftrain.training.finetuning.selection import Selection
from tftrain.training.finetuning.sources import model_of
from tftrain.training.finetuning.stages import Schedule, Stage
from tftrain.training.finetuning.transfer import NEW, Transfer, transfer_weights

if TYPE_CHECKING:
    from tftrain.training.finetuning.thawing import Thawing


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a model is fine-tuned; see `finetune`."""

    classes: int | None = None
    head: str | None = None
    weights_from: Any = None
    freeze: Selection = None
    unfreeze_schedule: Schedule | None = None
    layer_decay: float | None = None
    optimizer: Any = "adam"
    learning_rate: Any = None
    loss: Any = None
    metrics: Any = None
    epochs: int = 5


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A compiled model at its first stage.

    Attributes:
        model: What is to be trained.
        stages: What will be trained when.
        loading: What was loaded into it; None if it is the model that was given, with its weights.
        thawing: The callback that must come first.
    """

    model: keras.Model
    stages: tuple[Stage, ...]
    loading: Transfer | None
    thawing: Thawing


def prepare(
    source: Any,
    settings: Settings,
    strategy: tf.distribute.Strategy | None = None,
    examples: Sequence[tuple[str, Any, Any]] = (),
) -> Prepared:
    """Makes a model ready.

    Args:
        source: A model, a run folder or a file.
        settings: What to do.
        strategy: To train under; the one in scope, else that of the model, if there is none.
        examples: Arrays that are to be checked: (what they are, x, y).

    Raises:
        FineTuningError: What is asked for cannot be done: all problems at once.
        RunFolderError: The run has no finished model.
    """
    wrong = _setting_problems(settings)
    if not isinstance(settings.epochs, numbers.Integral):  # nothing can be said of a schedule
        raise FineTuningError(wrong)
    given = _source(source, wrong)
    strategy = _strategy(given, strategy)
    with strategy.scope():
        model, loading = _model(given, settings, strategy, wrong)
        taken = _refused(lambda: _stages(model, settings), wrong) or []
        if taken and loading:
            wrong += _new_head_problems(loading, taken[-1])
        wrong += _example_problems(model, given, settings, examples)
        if wrong:
            raise FineTuningError(wrong)
        _compile(model, given, settings, examples, len(taken) > 1)
        from tftrain.training.finetuning.thawing import Thawing  # imports Keras

        thawing = Thawing(taken)
        thawing.prepare(model)
    return Prepared(model, tuple(taken), loading, thawing)


def _setting_problems(settings: Settings) -> list[str]:
    wrong = list(rates.problems(settings.layer_decay))
    if isinstance(settings.optimizer, str):
        wrong += refusals(optim.check_name, settings.optimizer)
        if isinstance(settings.learning_rate, (int, float)):
            wrong += refusals(optim.check_rate, settings.learning_rate)
    elif not isinstance(settings.optimizer, keras.optimizers.Optimizer):
        wrong.append(f"optimizer is {settings.optimizer!r}; expected a name or a Keras optimizer")
    elif settings.learning_rate is not None:
        wrong.append("learning_rate is given beside an optimizer: give it to the optimizer")
    elif settings.optimizer.built:
        wrong.append(f"the optimizer {settings.optimizer.name!r} is built already: make a new one")
    if not isinstance(settings.epochs, numbers.Integral) or settings.epochs < 1:
        wrong.append(f"epochs is {settings.epochs!r}; expected a whole number, 1 or more")
    return wrong


def _source(source: Any, wrong: list[str]) -> keras.Model:
    try:
        return model_of(source)
    except BadInput as error:
        if not wrong:
            raise
        raise FineTuningError([*wrong, *getattr(error, "problems", [str(error)])]) from error


def _strategy(model: keras.Model, strategy: Any) -> Any:
    if strategy is not None:
        return strategy
    own = None if tf.distribute.has_strategy() else model._distribute_strategy
    return own or tf.distribute.get_strategy()


def _model(
    given: keras.Model, settings: Settings, strategy: Any, wrong: list[str]
) -> tuple[keras.Model, Transfer | None]:
    """The model to train: the given one, or a copy with another head or under the strategy.

    To be called in the scope of the strategy, which Keras leaves unnamed if it is the default one.
    """
    model, loading, new = given, None, []
    if settings.classes is not None:
        found = _refused(lambda: heads.find(given, settings.head), wrong)
        binary = found and _is_binary(given, found[1], settings)
        impossible = found and heads.problems(found[1], settings.classes, binary)
        wrong += impossible or []
        if found and not impossible:
            new, head = [found[0]], found[1]
            units = 1 if binary else int(settings.classes)
            model = _refused(lambda: heads.with_units(given, head, units), wrong)
            loading = model and _refused(lambda: transfer_weights(given, model, skip=new), wrong)
    elif given._distribute_strategy is not (strategy if tf.distribute.has_strategy() else None):
        model = _refused(lambda: heads.copied(given), wrong)
        loading = model and transfer_weights(given, model)
    model = model or given
    if settings.weights_from is not None:
        loading = _refused(lambda: transfer_weights(settings.weights_from, model, skip=new), wrong)
    return model, loading


def _is_binary(given: keras.Model, head: Any, settings: Settings) -> bool:
    """Whether a head's one number tells between two classes."""
    form = labels.form_of(settings.loss or (given.loss if given.compiled else None))
    sigmoid = heads.activation(given, head) is keras.activations.sigmoid
    return head.units == 1 and (sigmoid or form == labels.BINARY)


def _refused(act: Any, wrong: list[str]) -> Any:
    """What `act` gives; None if it refuses, and what it says among the problems."""
    try:
        return act()
    except BadInput as error:
        wrong += getattr(error, "problems", [str(error)])
        return None


def _new_head_problems(loading: Transfer, last: Stage) -> Iterator[str]:
    new = {name.rpartition("/")[0] for name, why in loading.skipped.items() if why == NEW}
    for name in new.difference(last.trained):
        yield (
            f"the new head {name!r} is frozen in all epochs, and would stay as it was drawn: leave "
            "it out of freeze, or thaw it"
        )


def _stages(model: keras.Model, settings: Settings) -> list[Stage]:
    return stages.stages(model, settings.freeze, settings.unfreeze_schedule, settings.epochs)


def _loss(model: keras.Model, given: keras.Model, settings: Settings, examples: Any) -> Any:
    if settings.loss is not None or given.compiled:
        return settings.loss or given.loss
    if _several(model) or not heads.candidates(model):
        raise FineTuningError(
            [
                f"the model {model.name!r} is not compiled, and has several outputs or no Dense "
                "layer to tell its loss by: give loss"
            ]
        )
    _, head = heads.find(model, None)
    y = examples[0][2] if examples else None
    return labels.usual_loss(head.units, heads.activation(model, head), y)


def _example_problems(
    model: keras.Model, given: keras.Model, settings: Settings, examples: Any
) -> list[str]:
    wrong: list[str] = []
    loss = _refused(lambda: _loss(model, given, settings, examples), wrong)
    inputs, outputs = (getattr(model, f"{end}_shape", None) for end in ("input", "output"))
    if not _is_shape(inputs) or not _is_shape(outputs):
        return wrong  # several, or not known: not ours to judge
    given_count = settings.classes if heads.is_count(settings.classes) else None
    count = given_count or (2 if outputs[-1] == 1 else outputs[-1])
    form = labels.form_of(loss, outputs[-1]) if len(outputs) == 2 else None
    for what, x, y in examples:
        expected, received = inputs[1:], getattr(x, "shape", (0,))[1:]
        if len(expected) != len(received) or any(
            e not in (None, r) for e, r in zip(expected, received, strict=True)
        ):
            wrong.append(f"{what}: inputs have shape {received}; the model expects {expected}")
        wrong += labels.problems(x, y, form, count, what)
    return wrong


def _several(model: keras.Model) -> bool:
    shape = getattr(model, "output_shape", None)  # what a subclass does not tell
    return shape is not None and not _is_shape(shape)


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(isinstance(side, (int, type(None))) for side in shape)


def _compile(
    model: keras.Model, given: keras.Model, settings: Settings, examples: Any, thaws: bool
) -> None:
    """Compiles as the given model was, where that is not said anew."""
    options: dict[str, Any] = {"metrics": settings.metrics or ["accuracy"]}
    if given.compiled:
        metrics = given._compile_metrics
        options = {
            "metrics": settings.metrics or _again(metrics and metrics._user_metrics),
            "weighted_metrics": _again(metrics and metrics._user_weighted_metrics),
            "loss_weights": given._compile_loss and given._compile_loss._user_loss_weights,
            "run_eagerly": given.run_eagerly,
            "steps_per_execution": given.steps_per_execution,
        }
    loss = _loss(model, given, settings, examples)
    model.compile(optimizer=_optimizer(model, settings, thaws), loss=loss, **options)


def _optimizer(model: keras.Model, settings: Settings, thaws: bool) -> Any:
    optimizer = settings.optimizer
    if isinstance(optimizer, str):
        optimizer = optim.optimizer(optimizer, settings.learning_rate)
    if settings.layer_decay is None and not thaws:
        return optimizer
    decay = 1.0 if settings.layer_decay is None else settings.layer_decay
    return optim.scale_rates(optimizer, rates.decayed_rates(model, decay))


def _again(metrics: Any) -> Any:
    """The same metrics with variables of their own."""

    def anew(metric: Any) -> Any:
        if isinstance(metric, keras.metrics.Metric):
            return type(metric).from_config(metric.get_config())
        return metric

    return keras.tree.map_structure(anew, metrics) if metrics else None
