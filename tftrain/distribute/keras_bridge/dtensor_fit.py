"""Keras 3 `fit`, `evaluate` and `predict` on a mesh of devices.

Symptom: `fit` of a model whose variables are `dtensor.DVariable`s raises an error of DTensor about
`IteratorGetNext`; where the step is a function of batches on the mesh, results of
metrics are those from before the step, or of half of it.
Cause: `TensorFlowTrainer` reads batches inside of the function, and DTensor keeps no order between
reads and writes of a variable.
Upstream: none filed under this name
Versions: keras 3.12 to 3.15, tensorflow 2.21

The loop of `fit`, with its callbacks, validation and History, stays Keras's own. Only what it
calls is replaced, and only under the strategy 'model_parallel'.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tftrain.distribute.keras_bridge.symbolic_build import batch_of_specs
from tftrain.distribute.keras_bridge.wrapping import wrap
from tftrain.distribute.tensor_parallel import is_model_parallel
from tftrain.errors import StrategyError
from tftrain.keras_api import keras
from tftrain.notices import notice
from tftrain.whole_models import whole


@functools.cache
def install() -> None:
    """Activates the repair; a second call does nothing."""
    from keras.src.backend.tensorflow import trainer

    _read_on_host(trainer.TFEpochIterator, trainer.EpochIterator)
    for name in ("train", "test", "predict"):
        wrap(trainer.TensorFlowTrainer, f"make_{name}_function", _making(name))
    # On Model, where another repair has wrapped it already: that would hide the trainer's.
    wrap(keras.Model, "_maybe_symbolic_build", _build)
    wrap(keras.Model, "export", _export)


def _read_on_host(iterator_class: Any, base: Any) -> None:
    distribute = iterator_class.__init__

    @functools.wraps(distribute)
    def __init__(self: Any, distribute_strategy: Any = None, *args: Any, **kwargs: Any) -> None:
        if not is_model_parallel(distribute_strategy):
            distribute(self, distribute_strategy, *args, **kwargs)
            return
        base.__init__(self, *args, **kwargs)
        self._distribute_strategy = distribute_strategy
        self._distributed_dataset = self.data_adapter.get_tf_dataset()

    iterator_class.__init__ = __init__


def _making(kind: str) -> Callable[..., Any]:
    attribute = f"{kind}_function"

    def make_function(original: Callable[..., Any], model: Any, force: bool = False) -> Any:
        from tftrain.distribute.tensor_parallel import steps

        if not is_model_parallel(model.distribute_strategy):
            return original(model, force)
        if getattr(model, attribute) is None or force:
            _check(model)
            function = (
                steps.PredictSteps(model)
                if kind == "predict"
                else steps.MeasuredSteps(model, getattr(model, f"{kind}_step"))
            )
            setattr(model, attribute, function)
            if kind == "train":
                _tell(model)
        return getattr(model, attribute)

    return make_function


def _build(
    original: Callable[..., Any], model: Any, iterator: Any = None, data_batch: Any = None
) -> None:
    strategy = model.distribute_strategy
    if not is_model_parallel(strategy):
        original(model, iterator=iterator, data_batch=data_batch)
        return
    if iterator is not None:
        data_batch = batch_of_specs(iterator._distributed_dataset.element_spec)
    with strategy.scope():
        model._symbolic_build(data_batch=data_batch)


def _export(original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    with whole(model):
        return original(model, *args, **kwargs)


def _check(model: Any) -> None:
    from tftrain.distribute.tensor_parallel import operations

    if model.jit_compile:
        raise StrategyError(
            "model_parallel does not support jit_compile=True: DTensor makes the program itself; "
            "compile without it"
        )
    operations.check(model)
    if model.built:
        model.distribute_strategy.check_layout(model)


def _tell(model: Any) -> None:
    """Says once what the devices hold."""
    if not model.__dict__.get("_tftrain_told_memory"):
        model.__dict__["_tftrain_told_memory"] = True
        notice(f"model_parallel, {model.distribute_strategy.memory(model).line()}")
