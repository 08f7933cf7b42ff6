"""The loss of a batch or of a micro-batch, and its gradient with respect to the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tftrain.distribute.keras_bridge.row_share import sharing
from tftrain.distribute.pipeline.micro_batches import MicroBatches
from tftrain.distribute.pipeline.stages import Stage, Values
from tftrain.keras_api import keras, tf


class Outputs:
    """What a model gives, from the values that its stages give.

    Args:
        functional: A Functional model.
        batch: How the batch is cut.
    """

    def __init__(self, functional: Any, batch: MicroBatches) -> None:
        self._functional = functional
        self._batch = batch
        self._keys = [id(tensor) for tensor in functional.outputs]

    def of(self, values: Sequence[Values]) -> tuple[Any, dict[Any, Any]]:
        """The outputs of some micro-batches, put together.

        The tensors are new ones: a loss looks for logits beside probabilities, and at what made
        them, and its gradient is to be that of the tensors known here.

        Returns:
            Outputs as the model's `call` gives them, and the tensors by their keys.
        """
        from keras.src.models.functional import unpack_singleton

        known: dict[Any, Any] = {}
        for key in self._keys:
            known[key] = self._batch.join([each[key] for each in values])
            if ("logits", key) in values[0]:
                logits = self._batch.join([each["logits", key] for each in values])
                known["logits", key] = known[key]._keras_logits = logits
        flat = [known[key] for key in self._keys]
        packed = keras.tree.pack_sequence_as(self._functional._outputs_struct, flat)
        return unpack_singleton(packed), known


class BatchLoss:
    """The loss that a model was compiled with.

    Args:
        model: A compiled model.
        outputs: What it gives.
        batch: How the batch is cut.
        targets: The batch's targets and sample weights.
    """

    def __init__(
        self, model: Any, outputs: Outputs, batch: MicroBatches, targets: tuple[Any, Any]
    ) -> None:
        self._model, self._outputs, self._batch = model, outputs, batch
        self._targets = targets
        self._cut_targets = batch.of(targets)

    def of_batch(self, values: Sequence[Values]) -> tuple[Any, list[Values]]:
        """The loss of the whole batch, and for each micro-batch its gradient by key."""
        loss, gradients = self._loss(values, self._targets)
        cut = self._batch.of(gradients)
        for m, part in enumerate(cut):
            share = self._batch.share(m)
            cut[m] = {key: share.part(gradient) for key, gradient in part.items()}
        return loss, cut

    def of_micro_batch(self, m: int, values: Values) -> tuple[Any, Values]:
        """A micro-batch's part of the batch's loss, and its gradient by key."""
        share = self._batch.share(m)
        with sharing(share):
            loss, gradients = self._loss([values], self._cut_targets[m])
        return share.weigh(loss), gradients

    def value(self, y_pred: Any) -> Any:
        """The loss of the whole batch's outputs."""
        loss = self._model._compile_loss
        return tf.zeros(()) if loss is None else loss(self._targets[0], y_pred, self._targets[1])

    def _loss(self, values: Sequence[Values], targets: tuple[Any, Any]) -> tuple[Any, Values]:
        y_pred, known = self._outputs.of(values)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for tensor in known.values():
                tape.watch(tensor)
            loss = self._model._compile_loss(targets[0], y_pred, targets[1])
            scaled = self._model.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, list(known.values()))
        found = zip(known, gradients, strict=True)
        return loss, {key: tf.convert_to_tensor(g) for key, g in found if g is not None}


def regularization(stage: Stage, optimizer: Any) -> tuple[Any | None, list[Any], list[Any]]:
    """What the regularizers of a stage's weights add to the loss, computed on its device.

    Returns:
        The loss, or None if there is none; the weights; the gradient of each.
    """
    weights = [weight for weight in stage.trainable_weights if weight.regularizer is not None]
    if not weights:
        return None, [], []
    with tf.device(stage.device):
        with tf.GradientTape() as tape:
            loss = tf.add_n([tf.reduce_sum(weight.regularizer(weight)) for weight in weights])
            scaled = loss if optimizer is None else optimizer.scale_loss(loss)
        return loss, weights, tape.gradient(scaled, weights)
