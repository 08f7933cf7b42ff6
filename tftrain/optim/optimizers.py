"""Optimizers by their names in the literature: Keras's own, and LARS."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from packaging.version import Version

from tftrain.errors import BadInput, UnknownName, suggestion
from tftrain.keras_api import keras
from tftrain.optim.rates import check_rate


@dataclasses.dataclass(frozen=True)
class _Kind:
    """A class of `keras.optimizers`, and what is fixed or possible under this name."""

    keras_name: str
    momentum: bool = False
    decays: bool = False  # without being asked
    refused: tuple[str, ...] = ()
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # unless given others


_KINDS = {
    "adadelta": _Kind("Adadelta"),
    # Keras multiplies two means of squares, and 1e-30 by 1e-30, its default, is 0 in float32: a
    # gradient with a row and a column of zeros would make the whole kernel NaN.
    "adafactor": _Kind("Adafactor", options={"epsilon_1": 1e-16}),
    "adagrad": _Kind("Adagrad"),
    "adam": _Kind("Adam"),
    "adamax": _Kind("Adamax"),
    "adamw": _Kind("AdamW", decays=True),
    "ftrl": _Kind("Ftrl"),
    "gd": _Kind("SGD", refused=("momentum", "nesterov")),
    "lamb": _Kind("Lamb"),
    "lars": _Kind("Lars", momentum=True),
    "lion": _Kind("Lion"),
    "muon": _Kind("Muon", momentum=True, decays=True),
    "nadam": _Kind("Nadam"),
    "rmsprop": _Kind("RMSprop", momentum=True),
    "schedule_free_adamw": _Kind("ScheduleFreeAdamW"),
    "sgd": _Kind("SGD", momentum=True),
}


# Keras 3.12 has a Muon that does not run on TensorFlow.
_SINCE = {"muon": "3.13", "schedule_free_adamw": "3.14"}

for _name, _version in _SINCE.items():
    if Version(metadata.version("keras")) < Version(_version):
        del _KINDS[_name]


def names() -> tuple[str, ...]:
    """The known names; a few depend on the installed Keras."""
    return tuple(_KINDS)


def check_name(name: str) -> None:
    """Raises UnknownName unless `name` is one of `names()`."""
    if name not in _KINDS:
        raise UnknownName("optimizer", name, _KINDS)


def problems(
    name: str,
    *,
    momentum: float | None = None,
    weight_decay: float | None = None,
    accumulate: int | None = None,
    ema: float | None = None,
) -> Iterator[str]:
    """What is wrong with the arguments of `optimizer`, in full sentences; needs no TensorFlow."""
    if momentum is not None:
        having = ", ".join(known for known, kind in _KINDS.items() if kind.momentum)
        if not _KINDS[name].momentum:
            yield f"momentum is {momentum}, but {name} has none: choose one of {having}"
        elif not 0 <= momentum < 1:
            yield f"momentum is {momentum}; expected at least 0 and less than 1"
    if weight_decay is not None and not 0 <= weight_decay < float("inf"):
        yield f"weight_decay is {weight_decay}; expected 0 or a positive number"
    if accumulate is not None and accumulate < 1:
        yield f"accumulate is {accumulate}; expected batches an update: 1 or more"
    if ema is not None and not 0 < ema < 1:
        yield f"ema is {ema}; expected the share kept at each update: between 0 and 1, as 0.999"


def optimizer(
    name: str,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule | None = None,
    *,
    weight_decay: float | None = None,
    accumulate: int | None = None,
    ema: float | None = None,
    **options: Any,
) -> keras.optimizers.Optimizer:
    """An optimizer by name.

    Args:
        name: One of `names()`; `gd` is `sgd` without momentum, on whatever batch it is given.
        learning_rate: Positive, or a schedule; None takes the default for that optimizer.
        weight_decay: Share of the weights taken off a step, times the learning rate. It leaves
            biases and normalization alone, also after saving and loading.
        accumulate: Batches whose gradients make one update, as their mean. A schedule counts
            batches, not updates.
        ema: Share that the moving average of the weights keeps at each update. Keras trains the
            weights themselves and puts the average in their place when `fit` ends.
        **options: Passed to the class, e.g. `momentum=0.9, nesterov=True`.

    Raises:
        UnknownName: No such optimizer.
        BadInput: An argument is out of range, or the optimizer has no such option.

    Example:
        >>> optimizer("sgd", 0.1, momentum=0.9, weight_decay=1e-4).weight_decay
        0.0001
    """
    check_name(name)
    given = {"weight_decay": weight_decay, "accumulate": accumulate, "ema": ema}
    wrong = list(problems(name, momentum=options.get("momentum"), **given))
    if wrong:
        raise BadInput("; ".join(wrong))
    kind = _KINDS[name]
    made = _class_of(kind, selective=bool(weight_decay) or kind.decays)
    _check_options(name, made, options)
    if learning_rate is not None:
        options["learning_rate"] = _rate(learning_rate)
    if weight_decay is not None:
        options.update(_decay(name, weight_decay))
    if accumulate and accumulate > 1:
        options["gradient_accumulation_steps"] = accumulate
    if ema is not None:
        # Keras averages after every batch, k times an update.
        options.update(use_ema=True, ema_momentum=ema ** (1 / (accumulate or 1)))
    return made(**{**kind.options, **options})


def default_rate(name: str) -> float:
    """The learning rate that `optimizer` takes when it is given none.

    Example:
        >>> default_rate("adam")
        0.001
    """
    check_name(name)
    made = _class_of(_KINDS[name], selective=False)
    return inspect.signature(made).parameters["learning_rate"].default


def _class_of(kind: _Kind, selective: bool) -> type[keras.optimizers.Optimizer]:
    if kind.keras_name == "Lars":
        from tftrain.optim.lars import Lars

        return Lars
    if selective:
        from tftrain.optim.selective_decay import selective as subclass

        return subclass(kind.keras_name)
    return getattr(keras.optimizers, kind.keras_name)


def _check_options(name: str, made: type, options: dict[str, Any]) -> None:
    known = inspect.signature(made).parameters.keys() | _EVERY_OPTIMIZER
    known -= {"learning_rate", "kwargs", "options", *_KINDS[name].refused}
    for option in options:
        if option not in known:
            raise BadInput(
                f"{name} has no option {option!r};{suggestion(option, known)} "
                f"known: {', '.join(sorted(known))}"
            )


def _rate(learning_rate: Any) -> Any:
    if not isinstance(learning_rate, (int, float)):
        return learning_rate
    check_rate(learning_rate)
    return float(learning_rate)


def _decay(name: str, weight_decay: float) -> dict[str, float | None]:
    decay = weight_decay or None
    # Muon has a second one, for the variables that it leaves to Adam.
    return {"weight_decay": decay, **({"adam_weight_decay": decay} if name == "muon" else {})}


_EVERY_OPTIMIZER = {
    "clipnorm",
    "clipvalue",
    "ema_momentum",
    "ema_overwrite_frequency",
    "global_clipnorm",
    "gradient_accumulation_steps",
    "loss_scale_factor",
    "name",
    "use_ema",
}
