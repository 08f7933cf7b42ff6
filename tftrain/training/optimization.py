"""What the settings of a run make of its optimizer, learning rate and penalties."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tftrain import models, optim
from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import keras
from tftrain.refusals import refusals

if TYPE_CHECKING:
    from tftrain.training.config import TrainConfig

GUARDS = ("skip", "roll_back", "stop")  # what callbacks.NanGuard can do about bad steps


def problems(config: TrainConfig) -> Iterator[str]:
    """What is wrong with the settings, in full sentences; needs neither data nor TensorFlow."""
    if config.optimizer in optim.names():
        yield from optim.problems(
            config.optimizer,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            accumulate=config.accumulate,
            ema=config.ema,
        )
    yield from optim.regularization.problems(l1=config.l1, l2=config.l2)
    yield from refusals(optim.schedules.check_name, config.schedule)
    yield from refusals(_check_warmup, config)
    if config.clip is not None:
        yield from refusals(optim.Clipping.parse, config.clip)
    yield from refusals(optim.check_codec, config.gradient_codec)
    yield from _codec_problems(config)
    yield from _guard_problems(config)
    if config.model in models.names():
        yield from refusals(models.check_dropout, config.model, config.dropout)


def with_learning_rate(config: TrainConfig) -> TrainConfig:
    """The settings with the learning rate named, so that they record what was used."""
    if config.learning_rate is not None:
        return config
    return dataclasses.replace(config, learning_rate=optim.default_rate(config.optimizer))


def make_optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The optimizer of a run.

    Args:
        config: Its settings, valid, with a learning rate.
        steps_per_epoch: Batches an epoch.

    Raises:
        BadInput: The warm-up is as long as the training or longer.
    """
    options: dict[str, Any] = {"momentum": config.momentum} if config.momentum is not None else {}
    made = optim.optimizer(
        config.optimizer,
        _rate(config, steps_per_epoch),
        weight_decay=config.weight_decay,
        accumulate=config.accumulate,
        ema=config.ema,
        **options,
    )
    return optim.compress_gradients(
        made, config.gradient_codec, warmup_steps=config.gradient_codec_warmup
    )


def penalize(model: keras.Model, config: TrainConfig) -> None:
    """Adds the penalties that the settings ask for."""
    if config.l1 or config.l2:
        optim.regularize(model, l1=config.l1 or 0.0, l2=config.l2 or 0.0)


def learning_rates(
    config: TrainConfig, steps_per_epoch: int, points: int = 300
) -> list[tuple[float, float]]:
    """The schedule of a run, to be drawn: (epochs done, learning rate).

    Args:
        config: Its settings, with a learning rate.
        steps_per_epoch: Batches an epoch.
        points: How many, evenly spread.
    """
    rate = _rate(config, steps_per_epoch)
    total = config.epochs * steps_per_epoch
    steps = [round(i * (total - 1) / (points - 1)) for i in range(points)]
    if isinstance(rate, float):
        return [(step / steps_per_epoch, rate) for step in steps]
    return [
        (step / steps_per_epoch, float(keras.ops.convert_to_numpy(rate(step)))) for step in steps
    ]


def _rate(config: TrainConfig, steps_per_epoch: int) -> Any:
    """A number where it stays the same, so that callbacks can set it."""
    if _is_constant(config):
        return config.learning_rate
    return optim.schedule(
        config.schedule,
        config.learning_rate,
        steps_per_epoch=steps_per_epoch,
        epochs=config.epochs,
        warmup=config.warmup,
    )


def _is_constant(config: TrainConfig) -> bool:
    return config.schedule == "constant" and config.warmup is None


def _check_warmup(config: TrainConfig) -> None:
    """What can be told before the size of the data is known."""
    if config.warmup is None:
        return
    length = optim.Length.parse(config.warmup)
    too_long = (length.unit == "epochs" and length.amount >= config.epochs) or (
        length.unit == "%" and length.amount >= 100
    )
    if too_long:
        raise BadInput(
            f"the warm-up of {length} is as long as the training of {config.epochs} epochs, or "
            "longer: give a shorter one"
        )


def _codec_problems(config: TrainConfig) -> Iterator[str]:
    if config.gradient_codec_warmup < 0:
        yield f"gradient_codec_warmup is {config.gradient_codec_warmup}; expected 0 or more"
    if config.gradient_codec == "none":
        return
    reasons = {
        "strategy='ps'": config.strategy == "ps",
        "strategy='tpu'": config.strategy == "tpu",
        f"sync_every={config.sync_every}": config.sync_every is not None,
    }
    for setting in (setting for setting, holds in reasons.items() if holds):
        yield (
            f"gradient_codec={config.gradient_codec!r} with {setting}: replicas do not sum their "
            "gradients there; expected strategy 'mirrored' or 'multiworker'"
        )


def _guard_problems(config: TrainConfig) -> Iterator[str]:
    if config.nan_guard is None:
        return
    if config.nan_guard not in GUARDS:
        yield str(UnknownName("nan_guard", config.nan_guard, GUARDS))
    if config.nan_guard == "roll_back" and not _is_constant(config):
        yield (
            "nan_guard='roll_back' lowers the learning rate, but schedule and warmup set it: "
            "expected schedule='constant' and no warmup, or nan_guard='skip'"
        )
    if config.strategy == "ps" or config.sync_every is not None:
        yield (
            "nan_guard judges a step of all workers together, but they take steps of their own "
            "with strategy='ps' and with sync_every: leave it out there"
        )
