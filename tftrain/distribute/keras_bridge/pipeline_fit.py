"""Keras's own `fit`, `evaluate` and `predict` train a model in stages under its strategy.

Symptom: Keras has no pipeline parallelism on TensorFlow. Layers placed by hand with `tf.device`
train, one after the other, with everything that is not placed, and without a strategy the
optimizer's slots too, on the first device.
Cause: `train_step` calls the whole model on the whole batch.
Upstream: by design (`keras.distribution` has data and tensor parallelism, on JAX).
Versions: keras 3.12 to 3.15.

`compile` cuts the model and moves its variables, before the optimizer has any; the steps are the
pipeline's; all the rest is Keras's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tftrain.distribute.keras_bridge import micro_batch_dropout
from tftrain.distribute.keras_bridge.symbolic_build import batch_of_specs
from tftrain.distribute.keras_bridge.wrapping import wrap


def install() -> None:
    """Hooks pipelines into Keras; a second call does nothing."""
    from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
    from keras.src.trainers.trainer import Trainer

    micro_batch_dropout.install()
    wrap(Trainer, "compile", _compile)
    wrap(TensorFlowTrainer, "train_step", _train_step)
    wrap(TensorFlowTrainer, "test_step", _test_step)
    wrap(TensorFlowTrainer, "predict_step", _predict_step)
    wrap(TensorFlowTrainer, "_maybe_symbolic_build", _maybe_symbolic_build)
    wrap(TensorFlowTrainer, "make_train_function", _make_train_function)


def pipeline_of(model: Any) -> Any | None:
    """The pipeline that a model was cut into when it was compiled, or None."""
    return model.__dict__.get("_tftrain_pipeline")


def _compile(original: Callable[..., Any], model: Any, *args: Any, **kwargs: Any) -> Any:
    from tftrain.distribute.pipeline.pipeline_strategy import is_pipeline

    result = original(model, *args, **kwargs)
    strategy = getattr(model, "_distribute_strategy", None)
    if strategy is not None and is_pipeline(strategy):
        from tftrain.distribute.pipeline.pipeline import adopt

        adopt(model, strategy)
    return result


def _train_step(original: Callable[..., Any], model: Any, data: Any) -> Any:
    pipeline = pipeline_of(model)
    return original(model, data) if pipeline is None else pipeline.train_step(data)


def _test_step(original: Callable[..., Any], model: Any, data: Any) -> Any:
    pipeline = pipeline_of(model)
    return original(model, data) if pipeline is None else pipeline.test_step(data)


def _predict_step(original: Callable[..., Any], model: Any, data: Any) -> Any:
    pipeline = pipeline_of(model)
    return original(model, data) if pipeline is None else pipeline.predict_step(data)


def _maybe_symbolic_build(
    original: Callable[..., Any], model: Any, iterator: Any = None, data_batch: Any = None
) -> None:
    pipeline = pipeline_of(model)
    if pipeline is None:
        original(model, iterator=iterator, data_batch=data_batch)
        return
    dataset = getattr(iterator, "_distributed_dataset", None)
    if dataset is not None:
        # Keras would draw a batch, which a generator then lacks.
        data_batch = batch_of_specs(dataset.element_spec)
        pipeline.batch_size = iterator.data_adapter.batch_size
    with pipeline.strategy.scope():
        model._symbolic_build(data_batch=data_batch)


def _make_train_function(original: Callable[..., Any], model: Any, force: bool = False) -> Any:
    pipeline = pipeline_of(model)
    if pipeline is not None:
        pipeline.prepare_training()
    return original(model, force)
