"""Losses that are exact for uneven replicas, masks, weights and losses of one number.

Symptom: with an uneven last batch, a mask, `mean_with_sample_weight`, or a loss function that
returns one number, gradients and the reported loss differ from those of one process.
Cause: Keras takes the mean over a replica's own rows (or own unmasked steps) and divides by the
number of replicas, and does not scale a loss that is already one number at all.
Upstream: keras#21467, keras#20601. Versions: seen in Keras 3.12.4 and 3.15.1.

Within a step (`row_share`) a loss has the value of the replica's own rows, so that a mean over
replicas weighted by rows is the loss of the global batch, and a gradient that is the replica's
part of the global gradient, so that the optimizer's sum over replicas is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tftrain.distribute.keras_bridge import row_share
from tftrain.keras_api import keras, tf

_ROW_MEANS = ("sum_over_batch_size", "mean")


def install() -> None:
    """Replaces the scaling of losses within a step of several replicas."""
    from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
    from keras.src.losses import loss as losses

    losses.scale_loss_for_distribution = _scaled(losses.scale_loss_for_distribution)
    losses.unscale_loss_for_distribution = _unscaled(losses.unscale_loss_for_distribution)
    losses.reduce_values = _reduced(losses.reduce_values)
    losses.apply_mask = _masked(losses.apply_mask)
    TensorFlowTrainer._aggregate_additional_loss = _added(
        TensorFlowTrainer._aggregate_additional_loss
    )
    keras.metrics.Mean.update_state = _weighted(keras.metrics.Mean.update_state)


def as_row_mean(value: Any, share: row_share.RowShare) -> Any:
    """Keeps `value`, a mean over the replica's rows, and weighs its gradient by the share."""
    scaled = _scale_gradient(value, tf.cast(share.fraction, value.dtype))
    scaled._tftrain_weighed = True
    return scaled


def as_part_of_sum(part: Any, share: row_share.RowShare) -> Any:
    """Keeps the gradient of `part`; gives a value whose mean over rows is the sum of parts."""
    return as_row_mean(tf.math.divide_no_nan(part, tf.cast(share.fraction, part.dtype)), share)


def _scale_gradient(value: Any, factor: Any) -> Any:
    @tf.custom_gradient
    def identity(x: Any) -> tuple[Any, Callable[[Any], Any]]:
        return tf.identity(x), lambda upstream: upstream * factor

    return identity(value)


def _scaled(single: Callable[..., Any]) -> Callable[..., Any]:
    def scale_loss_for_distribution(value: Any) -> Any:
        share = row_share.current()
        return single(value) if share is None else as_row_mean(value, share)

    return scale_loss_for_distribution


def _unscaled(single: Callable[..., Any]) -> Callable[..., Any]:
    def unscale_loss_for_distribution(value: Any) -> Any:
        return single(value) if row_share.current() is None else value

    return unscale_loss_for_distribution


def _reduced(single: Callable[..., Any]) -> Callable[..., Any]:
    def reduce_values(
        values: Any, sample_weight: Any = None, reduction: Any = "sum_over_batch_size"
    ) -> Any:
        share = row_share.current()
        if share is None or reduction in (None, "none"):
            return single(values, sample_weight, reduction)
        if values.shape.rank == 0:
            return as_row_mean(values, share)
        if reduction == "sum":
            return as_part_of_sum(share.part(tf.reduce_sum(values)), share)
        if reduction == "mean_with_sample_weight" and sample_weight is not None:
            weight = share.part(tf.reduce_sum(tf.cast(sample_weight, values.dtype)))
            (all_weight,) = share.sum_over_parts([tf.stop_gradient(weight)])
            part = tf.math.divide_no_nan(share.part(tf.reduce_sum(values)), all_weight)
            return as_part_of_sum(part, share)
        return single(values, sample_weight, reduction)

    return reduce_values


def _masked(single: Callable[..., Any]) -> Callable[..., Any]:
    def apply_mask(sample_weight: Any, mask: Any, dtype: Any, reduction: Any) -> Any:
        weight = single(sample_weight, mask, dtype=dtype, reduction=reduction)
        share = row_share.current()
        if share is None or mask is None or reduction not in _ROW_MEANS:
            return weight
        return weight * _mask_correction(mask, weight.dtype, share)

    return apply_mask


def _mask_correction(mask: Any, dtype: Any, share: row_share.RowShare) -> Any:
    """The weight total/valid over all replicas, relative to the one over this replica."""
    total = tf.cast(tf.size(mask), tf.float32)
    valid = tf.reduce_sum(tf.cast(mask, tf.float32))
    all_total, all_valid = share.sum_over_parts([total, valid])
    here = tf.math.divide_no_nan(valid, total)
    return tf.cast(here * tf.math.divide_no_nan(all_total, all_valid), dtype)


def _added(single: Callable[..., Any]) -> Callable[..., Any]:
    def _aggregate_additional_loss(self: Any, loss: Any) -> Any:
        if row_share.current() is not None and getattr(loss, "_tftrain_weighed", False):
            return loss  # a loss object made it, inside a layer: its gradient has its share
        return single(self, loss)

    return _aggregate_additional_loss


def _weighted(single: Callable[..., Any]) -> Callable[..., Any]:
    def update_state(self: Any, values: Any, sample_weight: Any = None) -> None:
        share = row_share.current()
        if share is not None and sample_weight is None and _is_number(values):
            # what a replica reports in one number is a mean over its rows: it counts by its share
            sample_weight = share.fraction
        single(self, values, sample_weight=sample_weight)

    return update_state


def _is_number(values: Any) -> bool:
    return isinstance(values, (int, float)) or getattr(values, "shape", None) == ()
