"""What keeps a model, or a call of `fit`, from an engine."""

from __future__ import annotations

from typing import Any

from tftrain.distribute.keras_bridge.replication import is_replicated
from tftrain.distribute.local_sgd import is_local_sgd
from tftrain.distribute.parameter_server import is_parameter_server
from tftrain.distribute.pipeline.pipeline_strategy import is_pipeline
from tftrain.distribute.tensor_parallel import is_model_parallel
from tftrain.keras_api import keras, tf
from tftrain.training.engines import FUSED, FUSED_XLA, KERAS, MULTI_STEP
from tftrain.training.fit_data import FitData

_OVERRIDABLE = ("fit", "make_train_function", "make_test_function", "evaluate", "_make_function")


def in_model(engine: str, model: Any) -> str | None:
    """Why an engine cannot run this compiled model, in a few words; None if it can."""
    if engine == KERAS:
        return None
    if engine == FUSED_XLA and _forbids_xla(model):
        return "the model is compiled with jit_compile=False"
    return _of_model(model) or _of_strategy(engine, model.distribute_strategy)


def in_call(engine: str, model: Any, data: FitData, acting: list[str]) -> str | None:
    """Why an engine cannot run this call of `fit`, if it can run the model.

    Args:
        engine: `keras`, `multi_step`, `fused_epoch` or `fused_epoch_xla`.
        model: A compiled model.
        data: What it is to be trained on.
        acting: Names of the callbacks that act on every batch.
    """
    if engine in (FUSED, FUSED_XLA):
        return _of_data(data)
    return _of_counting(model, data, acting) if engine == MULTI_STEP else None


def reads_data_itself(model: Any) -> bool:
    """Whether `model.fit` must be given the user's own arguments."""
    own = type(model).fit is not keras.Model.fit
    return own or is_local_sgd(model.distribute_strategy)


def _of_model(model: Any) -> str | None:
    if model.run_eagerly:
        return "the model is compiled with run_eagerly=True"
    for name in _OVERRIDABLE:
        if getattr(type(model), name) is not getattr(keras.Model, name):
            return f"{type(model).__name__} has a {name} of its own"
    return None


def _of_strategy(engine: str, strategy: Any) -> str | None:
    name = type(strategy).__name__
    if is_model_parallel(strategy):
        return "batches are given to the mesh one by one under this strategy"
    if _steps_alone(strategy):
        return "workers take steps on their own under this strategy"
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return "on TPUs Keras has loops of its own: compile with steps_per_execution"
    if engine in (FUSED, FUSED_XLA) and is_pipeline(strategy):
        return "stages of a pipeline are on several devices"
    if engine in (FUSED, FUSED_XLA) and is_replicated(strategy):
        return f"batches are divided between replicas under {name}"
    return None


def _of_data(data: FitData) -> str | None:
    try:
        data.chunks  # noqa: B018 - made now, and kept
    except (TypeError, ValueError) as error:
        return " ".join(str(error).split())
    return None


def _forbids_xla(model: Any) -> bool:
    # On CPUs Keras's default is False too, and what was asked for is not kept.
    return not model.jit_compile and model._resolve_auto_jit_compile()


def _of_counting(model: Any, data: FitData, acting: list[str]) -> str | None:
    if acting:
        return f"{', '.join(acting)} acts on every batch"
    if model.steps_per_execution > 1:
        return f"the model is compiled with steps_per_execution={model.steps_per_execution}"
    if data.batches is None:
        return "the number of batches is not known"
    return None


def _steps_alone(strategy: Any) -> bool:
    return is_parameter_server(strategy) or is_local_sgd(strategy)
