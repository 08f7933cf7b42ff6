"""Learning-rate schedules by name: Keras's own, behind one linear warm-up.

    rate = optim.schedule("cosine", 0.1, steps_per_epoch=469, epochs=10, warmup="5%")
    model.compile(optim.optimizer("sgd", rate, momentum=0.9), ...)

Schedules count steps, and a step is a batch. Every length may be given in steps, epochs or as a
percentage of the training (`lengths.Length`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tftrain.errors import BadInput, UnknownName, suggestion
from tftrain.keras_api import keras
from tftrain.optim.lengths import Length, Training
from tftrain.optim.rates import check_rate
from tftrain.optim.schedule_shapes import SHAPES, Part


def names() -> tuple[str, ...]:
    """The known names."""
    return tuple(SHAPES)


def check_name(name: str) -> None:
    """Raises UnknownName unless `name` is one of `names()`."""
    if name not in SHAPES:
        raise UnknownName("schedule", name, SHAPES)


def schedule(
    name: str,
    learning_rate: float,
    *,
    total_steps: int | None = None,
    steps_per_epoch: int | None = None,
    epochs: int | None = None,
    warmup: int | str | Length | None = None,
    **options: Any,
) -> keras.optimizers.schedules.LearningRateSchedule:
    """A schedule by name. With r the learning rate, s of S steps done after the warm-up:

    - `constant`: r.
    - `linear`, `polynomial`: from r to `end` r along (1 - s/S)^p; p = `power`, 1 or 2.
    - `exponential`: r `end`^(s/S); `end` is 0.01.
    - `cosine`: from r to `end` r along half a cosine (Loshchilov and Hutter 2017).
    - `cosine_restarts`: again and again; the first takes `first` ("10%"), each next one `growth`
      (2) times as long, from a rate `shrink` (1) times as high.
    - `step`: r `factor`^floor(s/`every`); 0.1 and "30%".
    - `inverse_sqrt`: r / sqrt(1 + s/`timescale`); by default as long as the warm-up, or "10%".
    - `one_cycle`: up from r/`divisor` (25) in a straight line during the warm-up, "30%" by
      default, then along half a cosine to `end` r (0.0001); momentum stays as it is (after Smith
      and Topin 2018).

    Args:
        name: One of `names()`.
        learning_rate: The highest rate, positive.
        total_steps: Steps of the whole training; or give the next two.
        steps_per_epoch: Steps an epoch.
        epochs: Epochs of the whole training.
        warmup: Length of the linear rise in front: 200, "2 epochs", "5%".
        **options: Those named above; `end` is a share of the learning rate, 0 by default.

    Returns:
        A serializable `keras.optimizers.schedules.LearningRateSchedule`.

    Raises:
        UnknownName: No such schedule.
        BadInput: An argument is out of range or contradicts another, a length cannot be known,
            or the warm-up is as long as the training or longer.

    Example:
        >>> rate = schedule("linear", 0.1, total_steps=1000, warmup="10%")
        >>> [round(float(rate(step)), 3) for step in (99, 100, 550, 1000)]
        [0.099, 0.1, 0.05, 0.0]
    """
    check_name(name)
    check_rate(learning_rate)
    shape = SHAPES[name]
    _check_options(name, shape, options)
    training = whole_training(total_steps, steps_per_epoch, epochs)
    if name == "one_cycle":
        return _one_cycle(learning_rate, training, warmup, **options)
    rise = warmup_steps(warmup, training)
    return _behind_warmup(shape(Part(name, learning_rate, training, rise), **options), rise)


def whole_training(
    total_steps: int | None = None, steps_per_epoch: int | None = None, epochs: int | None = None
) -> Training:
    """How long the training is, from what is known of it.

    Raises:
        BadInput: The numbers contradict one another, or one is below 1.
    """
    given = {"total_steps": total_steps, "steps_per_epoch": steps_per_epoch, "epochs": epochs}
    for name, value in given.items():
        if value is not None and value < 1:
            raise BadInput(f"{name} is {value}; expected 1 or more")
    counted = steps_per_epoch * epochs if steps_per_epoch and epochs else None
    if total_steps and counted and total_steps != counted:
        raise BadInput(
            f"total_steps is {total_steps}, but {epochs} epochs of {steps_per_epoch} steps are "
            f"{counted}: give one of them"
        )
    return Training(total_steps or counted, steps_per_epoch)


def warmup_steps(warmup: int | str | Length | None, training: Training) -> int:
    """The length of a warm-up.

    Raises:
        BadInput: It cannot be known, or is as long as the training or longer.
    """
    if warmup is None:
        return 0
    length = Length.parse(warmup)
    steps = length.steps(training)
    if training.steps is not None and steps >= training.steps:
        raise BadInput(
            f"the warm-up of {length} is {steps} steps, but the training has {training.steps}: "
            "give a shorter one"
        )
    return steps


def _one_cycle(
    rate: float,
    training: Training,
    warmup: int | str | Length | None,
    divisor: float = 25.0,
    **options: Any,
) -> keras.optimizers.schedules.LearningRateSchedule:
    if not 1 <= divisor < float("inf"):
        raise BadInput(f"divisor is {divisor}; expected 1 or more")
    rise = warmup_steps("30%" if warmup is None else warmup, training)
    fall = SHAPES["one_cycle"](Part("one_cycle", rate, training, rise), **options)
    return _behind_warmup(fall, rise, rate / divisor)


def _behind_warmup(
    shape: keras.optimizers.schedules.LearningRateSchedule, steps: int, start: float | None = None
) -> keras.optimizers.schedules.LearningRateSchedule:
    if not steps:
        return shape
    from tftrain.optim.warmup import LinearWarmup

    return LinearWarmup(shape, steps, start)


def _check_options(name: str, shape: Callable[..., Any], options: dict[str, Any]) -> None:
    known = list(inspect.signature(shape).parameters)[1:]
    for option in options:
        if option not in known:
            listed = f"known: {', '.join(known)}" if known else "it has none"
            raise BadInput(
                f"schedule {name!r} has no option {option!r};{suggestion(option, known)} {listed}"
            )
