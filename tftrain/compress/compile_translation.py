"""What a Keras 3 model was compiled with, as tf_keras takes it."""

from __future__ import annotations

import inspect
from typing import Any

from tftrain.compress.tf_keras_api import tf_keras
from tftrain.errors import CompressionError
from tftrain.keras_api import keras, tf
from tftrain.notices import notice

_REMEDY = "give the fine-tuning another one by optimizer=, such as keras.optimizers.Adam(1e-4)"


def require_compiled(model: keras.Model) -> None:
    """Checks that a model says what it is trained for.

    Raises:
        CompressionError: It was not compiled.
    """
    if not model.compiled or model.loss is None:
        raise CompressionError(
            [
                f"the model {model.name!r} is not compiled with a loss: call model.compile(...) "
                "first; fine-tuning takes optimizer, loss and metrics from it"
            ]
        )


def translated(model: keras.Model, optimizer: keras.optimizers.Optimizer | None) -> dict[str, Any]:
    """Arguments for the `compile` of the model's twin.

    Losses and learning-rate schedules of your own are called as they are; metrics of your own
    need variables of the other library and are left out, with a line that says so.

    Args:
        model: A compiled model.
        optimizer: Instead of the model's.

    Raises:
        CompressionError: tf_keras has no such optimizer.
    """
    compiled = model._compile_metrics
    return {
        "optimizer": tf_keras_optimizer(optimizer or model.optimizer),
        "loss": tf.nest.map_structure(_loss, model.loss),
        "loss_weights": model._compile_loss._user_loss_weights,
        "metrics": _metrics(compiled and compiled._user_metrics),
        "weighted_metrics": _metrics(compiled and compiled._user_weighted_metrics),
    }


def compile_alike(model: keras.Model, source: keras.Model) -> None:
    """Compiles a model as another one is, with a fresh optimizer of the same settings."""
    optimizer = _without_loss_scaling(source.optimizer)
    compiled = source._compile_metrics
    model.compile(
        optimizer=type(optimizer).from_config(optimizer.get_config()),
        loss=source.loss,
        loss_weights=source._compile_loss._user_loss_weights,
        metrics=_again(compiled and compiled._user_metrics),
        weighted_metrics=_again(compiled and compiled._user_weighted_metrics),
        run_eagerly=source.run_eagerly,
        steps_per_execution=source.steps_per_execution,
        jit_compile=source.jit_compile,
    )
    model.optimizer.build(model.trainable_variables)  # so that it can be saved as it is


def tf_keras_optimizer(optimizer: keras.optimizers.Optimizer) -> Any:
    """The optimizer of the same name and settings in tf_keras.

    Raises:
        CompressionError: There is none, or it lacks a setting.
    """
    optimizer = _without_loss_scaling(optimizer)
    name = type(optimizer).__name__
    kind = getattr(tf_keras.optimizers, name, None)
    if type(optimizer) is not getattr(keras.optimizers, name, None) or kind is None:
        raise CompressionError([f"tf_keras has no optimizer {name}: {_REMEDY}"])
    config = optimizer.get_config()
    rate = optimizer._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        config["learning_rate"] = _schedule(rate)
    accepted = set(inspect.signature(kind.__init__).parameters)
    accepted |= set(inspect.signature(tf_keras.optimizers.Optimizer.__init__).parameters)
    without = sorted(key for key in config if key not in accepted and config[key] is not None)
    if without:
        raise CompressionError([f"tf_keras's {name} has no {', '.join(without)}: {_REMEDY}"])
    kept = {key: value for key, value in config.items() if key in accepted}
    return kind(**kept, jit_compile=False)


def _without_loss_scaling(optimizer: Any) -> Any:
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    return optimizer.inner_optimizer if scaled else optimizer


def _schedule(schedule: Any) -> Any:
    class Schedule(tf_keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            return tf.convert_to_tensor(schedule(step))

        def get_config(self) -> dict[str, Any]:
            return schedule.get_config()

    return Schedule()


def _loss(loss: Any) -> Any:
    """Strings and functions mean the same; a Loss object is called within one of tf_keras."""
    if not isinstance(loss, keras.losses.Loss):
        return loss

    class Loss(tf_keras.losses.Loss):
        @tf.autograph.experimental.do_not_convert
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return loss.call(y_true, y_pred)

    reduction = {"sum": "sum", "none": "none", None: "none"}.get(loss.reduction, "auto")
    return Loss(reduction=reduction, name=loss.name)


def _metrics(metrics: Any) -> Any:
    if isinstance(metrics, dict):
        return {name: _metrics(value) for name, value in metrics.items()}
    if isinstance(metrics, (list, tuple)):
        found = [_metrics(one) for one in metrics]
        return [one for one in found if one is not None]
    return _metric(metrics)


def _metric(metric: Any) -> Any:
    if not isinstance(metric, keras.metrics.Metric):
        return metric
    kind = getattr(tf_keras.metrics, type(metric).__name__, None)
    if kind is None or type(metric) is not getattr(keras.metrics, type(metric).__name__, None):
        notice(f"fine-tuning leaves out the metric {metric.name!r}: tf_keras has none such")
        return None
    accepted = set(inspect.signature(kind.__init__).parameters)
    config = {key: value for key, value in metric.get_config().items() if key in accepted}
    return kind(**{**config, "dtype": "float32"})


def _again(metrics: Any) -> Any:
    """The metrics, those with a state made anew."""
    if isinstance(metrics, dict):
        return {name: _again(value) for name, value in metrics.items()}
    if isinstance(metrics, (list, tuple)):
        return [_again(one) for one in metrics]
    if isinstance(metrics, keras.metrics.Metric):
        return type(metrics).from_config(metrics.get_config())
    return metrics
