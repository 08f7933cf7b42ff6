"""A model made outside the strategy's scope is refused before training starts.

Symptom: a model built outside `strategy.scope()` trains without the strategy: on one device, or
in every worker of a cluster on its own, with no message; built half inside, it fails in
TensorFlow's variable creation with a message about `MirroredVariable`s.
Cause: Keras notes the strategy when the model is made and never looks again.
Upstream: by design (the TensorFlow trainer asks for the model to be made in the scope)
Versions: keras 3.0 to 3.15
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.errors import StrategyError
from tftrain.keras_api import keras, tf

_expected = False


def install() -> None:
    """Checks models in `compile`, `fit` and `evaluate`."""
    from keras.src.trainers.trainer import Trainer

    # On Trainer: a loaded model is not compiled if its class's compile is not the trainer's.
    wrap(Trainer, "compile", _compile)
    wrap(keras.Model, "fit", _fit)
    wrap(keras.Model, "evaluate", _evaluate)


def expect_scope(expected: bool) -> None:
    """From now on, whether `fit` refuses models that were made under no strategy."""
    global _expected
    _expected = expected


def _compile(original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    if tf.distribute.has_strategy():
        _check(model, tf.distribute.get_strategy(), "compile")
    result = original(model, *args, **kwargs)
    if model._distribute_strategy is not None:
        _check(model, model._distribute_strategy, "compile")
    return result


def _fit(original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    if tf.distribute.has_strategy():
        _check(model, tf.distribute.get_strategy(), "fit")
    elif _expected:
        _check(model, model._distribute_strategy, "fit")
    return original(model, *args, **kwargs)


def _evaluate(original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    if tf.distribute.has_strategy():
        _check(model, tf.distribute.get_strategy(), "evaluate")
    return original(model, *args, **kwargs)


def _check(model: Any, strategy: Any, doing: str) -> None:
    if strategy is None or getattr(model, "_distribute_strategy", None) is not strategy:
        raise StrategyError(
            f"{doing}: model {model.name!r} was made outside the scope of the strategy, so it "
            f"would not be trained by it; {_REMEDY} (to train it on one device on purpose, call "
            "tftrain.distribute.strategy('one') first)"
        )
    for owner, variables in (("model", model.variables), ("optimizer", _optimizer(model))):
        for variable in variables:
            if _made_elsewhere(variable, strategy):
                raise StrategyError(
                    f"{doing}: variable {variable.path!r} of the {owner} was made outside the "
                    f"scope of the strategy; {_REMEDY}"
                )


def _made_elsewhere(variable: Any, strategy: Any) -> bool:
    value = variable._value
    return isinstance(value, tf.Variable) and (
        not strategy.extended.variable_created_in_scope(value)
    )


_REMEDY = (
    "make the model, its layers and its optimizer, and call compile, inside "
    "`with strategy.scope():`"
)


def _optimizer(model: Any) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)
    return [] if optimizer is None else optimizer.variables
