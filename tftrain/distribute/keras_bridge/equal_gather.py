"""An all-gather of tensors that have the same shape on every replica, in one collective.

Symptom: `ReplicaContext.all_gather` costs two round trips between workers.
Cause: it first gathers the shapes, which may differ.
Upstream: no report known to us. Versions: seen in TensorFlow 2.21.
"""

from __future__ import annotations

from typing import Any

from tftrain.distribute.roles import is_multi_worker
from tftrain.keras_api import tf


def gather_equal(tensor: Any) -> Any:
    """Joins the replicas' tensors along the first axis, in the order of replicas.

    Call it in a replica context.

    Args:
        tensor: Of one shape and dtype (int32, int64 or floats of any size) on all replicas.
    """
    context = tf.distribute.get_replica_context()
    if not is_multi_worker(context.strategy):
        return context.all_gather(tensor, axis=0)
    from tensorflow.python.distribute import collective_util

    # Not `replica_id_in_sync_group`: that is a tensor within a condition or a loop.
    own = context.strategy.extended._cross_device_ops._launchers[context._replica_id]
    return own._all_gather(tensor, collective_util.Options())
