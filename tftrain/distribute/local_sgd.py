"""Local SGD: workers train alone for some steps, then average their parameters.

    strategy = tftrain.distribute.strategy("multiworker", sync_every=16)

All-reduce training exchanges gradients at every step; here the parameters are exchanged every
`sync_every` steps and at the end of every epoch, so slow networks are used less. Between two
exchanges the workers' models differ: it is another algorithm, not a faster form of the same one.
Only with `sync_every=1` and SGD without momentum are both the same.

What an exchange does:

- weights, and the optimizer's slots (moments, moving averages), become their mean over the
  workers, weighted by the examples each has seen since the last exchange;
- BatchNormalization's moving statistics are weights, and are averaged likewise;
- integers (the step counter, random seeds) stay each worker's own;
- metrics are summed at the end of an epoch, so that History is the same on every worker.

Reference: Stich, "Local SGD Converges Fast and Communicates Little", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tftrain.distribute import worker_sums
from tftrain.errors import BadInput, StrategyError
from tftrain.keras_api import tf


class LocalSGDStrategy(tf.distribute.OneDeviceStrategy):
    """Trains on this worker's device; `communicator` is used for the exchanges only.

    Args:
        communicator: The MultiWorkerMirroredStrategy of the cluster, with one device a worker.
        sync_every: Steps between two exchanges, at least 1.
    """

    def __init__(
        self, communicator: tf.distribute.MultiWorkerMirroredStrategy, sync_every: int
    ) -> None:
        super().__init__(communicator.extended.worker_devices[0])
        self.communicator = communicator
        self.sync_every = sync_every

    @property
    def cluster_resolver(self) -> Any:
        """The cluster's, so that "who is the chief" has the same answer as without local SGD."""
        return self.communicator.cluster_resolver

    @property
    def workers(self) -> int:
        """How many workers exchange parameters."""
        return self.communicator.num_replicas_in_sync

    @property
    def worker_index(self) -> int:
        """Which of them this process is; the chief is 0."""
        return self.communicator.extended._id_in_cluster

    def sum(self, values: Sequence[Any]) -> list[np.ndarray]:
        """Adds each array over all workers, in float64. Every worker must call it together."""
        values = [np.asarray(value, np.float64) for value in values]
        flat = np.concatenate([value.ravel() for value in values])
        total = worker_sums.over_workers(self.communicator, [flat])[0].numpy()
        parts = np.split(total, np.cumsum([value.size for value in values])[:-1])
        return [part.reshape(v.shape) for part, v in zip(parts, values, strict=True)]

    def average(self, variables: Sequence[Any], weight: float) -> None:
        """Assigns each variable its mean over all workers, each counting by its `weight`.

        With weight 1 on one worker and 0 on the others, all get that worker's values.
        """
        floating = [v for v in variables if tf.as_dtype(v.dtype).is_floating]
        sums = self.sum([np.float64(weight), *(weight * np.asarray(v, "f8") for v in floating)])
        if sums[0] == 0:
            return
        for variable, value in zip(floating, sums[1:], strict=True):
            variable.assign(tf.cast(value / sums[0], variable.dtype))


def strategy(
    communicator: tf.distribute.MultiWorkerMirroredStrategy, *, sync_every: int
) -> LocalSGDStrategy:
    """Returns a strategy under whose scope a plain Keras `fit` trains by local SGD.

    Args:
        communicator: The cluster's MultiWorkerMirroredStrategy.
        sync_every: Steps each worker takes alone between two exchanges.

    Raises:
        BadInput: `sync_every` is not a positive integer.
        StrategyError: A worker has several devices.
    """
    if not isinstance(sync_every, int) or sync_every < 1:
        raise BadInput(
            f"received sync_every={sync_every!r}; expected a number of steps, 1 or more, that "
            "every worker trains alone between two exchanges of parameters"
        )
    devices = len(communicator.extended.worker_devices)
    if devices > 1:
        raise StrategyError(
            f"local SGD trains on one device a worker, and this worker has {devices}: start one "
            "worker a GPU, each with its own CUDA_VISIBLE_DEVICES"
        )
    from tftrain.distribute import local_fit

    local_fit.install()
    return LocalSGDStrategy(communicator, sync_every)


def is_local_sgd(strategy: Any) -> bool:
    """Whether `strategy` trains by local SGD."""
    return isinstance(strategy, LocalSGDStrategy)
