"""Keras 3 `fit`, `evaluate` and `predict` under ParameterServerStrategy.

Symptom: `fit` raises "pass this dataset to ClusterCoordinator".
Cause: `TensorFlowTrainer` runs its step functions itself; nothing sends them to workers through
a `ClusterCoordinator`, and the epoch iterator distributes datasets a way that the strategy does
not allow.
Upstream: https://github.com/keras-team/keras/issues/18624 (open).
Versions: Keras 3.12 to 3.15.

The loop of `fit`, with its callbacks, validation and History, stays Keras's own. Only what it
calls is replaced, and only under this strategy: the epoch iterator reads on the coordinator, the
step functions send batches to workers, and the end of an epoch waits for the steps under way. A
callback's `stop_training` therefore takes effect after the few steps already sent.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from tftrain.distribute.asynchronous_steps import Feed, MeasuredSteps, PredictSteps
from tftrain.distribute.parameter_server import dispatcher, is_parameter_server
from tftrain.errors import StrategyError
from tftrain.keras_api import tf


@functools.cache
def install() -> None:
    """Activates the repair; a second call does nothing."""
    from keras.src.backend.tensorflow import trainer
    from keras.src.trainers.trainer import Trainer

    _read_on_coordinator(trainer.TFEpochIterator, trainer.EpochIterator)
    _send_steps(trainer.TensorFlowTrainer)
    for name in ("fit", "evaluate", "predict"):
        _explain_lost_servers(trainer.TensorFlowTrainer, name)
    _refuse_jit(Trainer)


def _read_on_coordinator(iterator_class: Any, base: Any) -> None:
    distribute = iterator_class.__init__
    catch = iterator_class.catch_stop_iteration

    @functools.wraps(distribute)
    def __init__(self: Any, distribute_strategy: Any = None, *args: Any, **kwargs: Any) -> None:
        if not is_parameter_server(distribute_strategy):
            distribute(self, distribute_strategy, *args, **kwargs)
            return
        base.__init__(self, *args, **kwargs)
        self._distribute_strategy = distribute_strategy
        self._distributed_dataset = Feed(self.data_adapter.get_tf_dataset())

    @contextlib.contextmanager
    def catch_stop_iteration(self: Any) -> Iterator[None]:
        with catch(self):
            yield
        if isinstance(self._distributed_dataset, Feed):
            self._distributed_dataset.finish()

    iterator_class.__init__ = __init__
    iterator_class.catch_stop_iteration = catch_stop_iteration


def _send_steps(trainer_class: Any) -> None:
    def replace(name: str, attribute: str, make: Callable[[Any], Any]) -> None:
        original = getattr(trainer_class, name)

        @functools.wraps(original)
        def make_function(self: Any, force: bool = False) -> Any:
            if not is_parameter_server(self.distribute_strategy):
                return original(self, force)
            if getattr(self, attribute) is None or force:
                _refuse(self)
                setattr(self, attribute, make(self))
            return getattr(self, attribute)

        setattr(trainer_class, name, make_function)

    def measured(step: str) -> Callable[[Any], MeasuredSteps]:
        return lambda model: MeasuredSteps(
            model, getattr(model, step), dispatcher(model.distribute_strategy)
        )

    replace("make_train_function", "train_function", measured("train_step"))
    replace("make_test_function", "test_function", measured("test_step"))
    replace(
        "make_predict_function",
        "predict_function",
        lambda model: PredictSteps(model, dispatcher(model.distribute_strategy)),
    )


def _explain_lost_servers(trainer_class: Any, name: str) -> None:
    original = getattr(trainer_class, name)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_parameter_server(self.distribute_strategy):
            return original(self, *args, **kwargs)
        try:
            return original(self, *args, **kwargs)
        except tf.errors.OpError as error:
            explained = dispatcher(self.distribute_strategy).explain(error)
            if explained is error:
                raise
            raise explained from error

    setattr(trainer_class, name, method)


def _refuse(model: Any) -> None:
    """Refuses what would be silently wrong, or cannot run, when each worker updates by itself."""
    problem = None
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if model.run_eagerly:
        problem = "run_eagerly=True: workers run traced functions only; compile without it"
    elif getattr(optimizer, "gradient_accumulation_steps", None):
        problem = (
            "gradient_accumulation_steps: workers would add to and clear the same accumulators at "
            "the same time; use a larger batch, or the 'multiworker' strategy"
        )
    elif model.distribute_strategy.num_replicas_in_sync > 1:
        problem = "several GPUs a worker; start one worker a GPU, each with CUDA_VISIBLE_DEVICES"
    if problem:
        raise StrategyError(f"parameter servers do not support {problem}")


def _refuse_jit(trainer_class: Any) -> None:
    original = trainer_class.compile
    signature = inspect.signature(original)

    @functools.wraps(original)
    def compile(self: Any, *args: Any, **kwargs: Any) -> Any:
        # A model under no strategy has no such attribute before Keras gave it one.
        if not is_parameter_server(getattr(self, "_distribute_strategy", None)):
            return original(self, *args, **kwargs)
        given = signature.bind(self, *args, **kwargs)
        if given.arguments.get("jit_compile", "auto") is True:
            raise StrategyError(
                "received jit_compile=True, but XLA cannot compile a step whose variables are "
                "on other machines; leave jit_compile out under parameter servers"
            )
        given.arguments["jit_compile"] = False
        return original(*given.args, **given.kwargs)

    trainer_class.compile = compile
