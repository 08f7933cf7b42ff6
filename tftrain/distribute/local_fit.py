"""Lets Keras's own `fit`, `evaluate` and `predict` train by local SGD under its strategy.

Keras runs as on one machine, on this worker's rows; around its steps `LocalSteps` exchanges.
`predict` is not divided: every worker predicts every row, and returns them in the order given.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.distribute.local_sgd import is_local_sgd
from tftrain.distribute.local_steps import LocalFeed, LocalSteps, agree_on_shuffling
from tftrain.errors import StrategyError
from tftrain.keras_api import keras


@functools.cache
def install() -> None:
    """Hooks local SGD into Keras; a second call does nothing."""
    from keras.src.backend.tensorflow import trainer

    _divide_batches(trainer.TFEpochIterator, trainer.EpochIterator)
    _exchange_between_steps(trainer.TensorFlowTrainer, "train")
    _exchange_between_steps(trainer.TensorFlowTrainer, "test")
    # On Model, where other repairs may have wrapped it already: those would hide the trainer's.
    wrap(keras.Model, "predict", _predict_everything)


def _divide_batches(iterator_class: Any, base: Any) -> None:
    distribute = iterator_class.__init__
    catch = iterator_class.catch_stop_iteration

    @functools.wraps(distribute)
    def __init__(self: Any, distribute_strategy: Any = None, *args: Any, **kwargs: Any) -> None:
        divides = is_local_sgd(distribute_strategy) and not _predicting(distribute_strategy)
        if not divides:
            distribute(self, distribute_strategy, *args, **kwargs)
            return
        agree_on_shuffling(distribute_strategy)
        base.__init__(self, *args, **kwargs)
        self._distribute_strategy = distribute_strategy
        self._distributed_dataset = LocalFeed(
            self.data_adapter.get_tf_dataset(), distribute_strategy
        )

    @contextlib.contextmanager
    def catch_stop_iteration(self: Any) -> Iterator[None]:
        with catch(self):
            yield
        if isinstance(self._distributed_dataset, LocalFeed):
            self._distributed_dataset.finish()

    iterator_class.__init__ = __init__
    iterator_class.catch_stop_iteration = catch_stop_iteration


def _exchange_between_steps(trainer_class: Any, kind: str) -> None:
    name, attribute = f"make_{kind}_function", f"{kind}_function"
    original: Callable[..., Any] = getattr(trainer_class, name)

    @functools.wraps(original)
    def make_function(self: Any, force: bool = False) -> Any:
        original(self, force)
        function = getattr(self, attribute)
        if is_local_sgd(self.distribute_strategy) and not isinstance(function, LocalSteps):
            _require_whole_executions(self)
            setattr(self, attribute, LocalSteps(self, function, trains=kind == "train"))
        return getattr(self, attribute)

    setattr(trainer_class, name, make_function)


def _predict_everything(original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    strategy = model.distribute_strategy
    if not is_local_sgd(strategy):
        return original(model, *args, **kwargs)
    strategy._tftrain_predicting = True
    try:
        return original(model, *args, **kwargs)
    finally:
        strategy._tftrain_predicting = False


def _predicting(strategy: Any) -> bool:
    return getattr(strategy, "_tftrain_predicting", False)


def _require_whole_executions(model: Any) -> None:
    steps, every = model.steps_per_execution, model.distribute_strategy.sync_every
    if every % steps:
        raise StrategyError(
            f"sync_every={every} is not a multiple of steps_per_execution={steps}, and parameters "
            "are exchanged between executions: choose one that divides the other"
        )
