"""Builds model, metrics and optimizer from the data's specification instead of from a batch.

Symptom: `fit` under MultiWorkerMirroredStrategy raises while it builds the model; under
MirroredStrategy a generator loses the batches that building has consumed.
Cause: `TensorFlowTrainer._maybe_symbolic_build` draws a batch and averages it over replicas.
Upstream: keras#20585, keras#20329. Versions: seen in Keras 3.12.4 and 3.15.1.
"""

from __future__ import annotations

from typing import Any

from tftrain.distribute.keras_bridge.global_batches import GlobalBatches
from tftrain.distribute.keras_bridge.replication import is_replicated
from tftrain.keras_api import keras, tf


def install() -> None:
    """Replaces the building step of the TensorFlow trainer under a replicated strategy."""
    from keras.src.backend.tensorflow.trainer import TensorFlowTrainer

    single = TensorFlowTrainer._maybe_symbolic_build

    def _maybe_symbolic_build(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        strategy = self.distribute_strategy
        if not is_replicated(strategy):
            single(self, iterator=iterator, data_batch=data_batch)
            return
        batches = getattr(iterator, "_distributed_dataset", None)
        if isinstance(batches, GlobalBatches):
            data_batch = batch_of_specs(batches.element_spec)
        with strategy.scope():
            self._symbolic_build(data_batch=data_batch)

    TensorFlowTrainer._maybe_symbolic_build = _maybe_symbolic_build


def batch_of_specs(element_spec: Any) -> Any:
    """Gives, for the specification of a batch, leaves with a shape and a dtype, or None."""
    return keras.tree.map_structure(_leaf, element_spec)


def _leaf(spec: Any) -> Any:
    first = getattr(spec, "_value_specs", (spec,))[0]  # PerReplicaSpec: one spec a replica
    if isinstance(first, tf.OptionalSpec) or not hasattr(first, "shape"):
        return None
    return _Symbol(first)


class _Symbol:
    """The shape and dtype of a leaf; a class of its own because a spec may be a tree node."""

    def __init__(self, spec: Any) -> None:
        self.shape, self.dtype = tuple(spec.shape), spec.dtype
