"""Refuses XLA where replicas share the host's processors or span workers on them.

Symptom: `jit_compile=True` under MirroredStrategy on CPUs fails in the first step with a message
about devices.
Cause: the step of all replicas is compiled as one program for one device.
Upstream: keras#20763. Versions: seen in Keras 3.12.4 and 3.15.1.
`jit_compile="auto"` is False there.
"""

from __future__ import annotations

from typing import Any

from tftrain.distribute.keras_bridge.replication import is_replicated
from tftrain.errors import StrategyError


def install() -> None:
    """Checks `jit_compile` when a model is compiled or the attribute is set."""
    from keras.src.backend.tensorflow.trainer import TensorFlowTrainer
    from keras.src.trainers.trainer import Trainer

    inherited = Trainer.jit_compile

    def set_jit_compile(self: Any, value: Any) -> None:
        if value is True:
            require_compilable(self.distribute_strategy)
        inherited.fset(self, value)

    TensorFlowTrainer.jit_compile = property(inherited.fget, set_jit_compile)


def require_compilable(strategy: Any) -> None:
    """Checks that XLA can compile a step of `strategy`.

    Raises:
        StrategyError: Replicas run on CPUs.
    """
    devices = [device for device in strategy.extended.worker_devices if "CPU" in device.upper()]
    if is_replicated(strategy) and devices:
        raise StrategyError(
            f"jit_compile=True cannot work with {strategy.num_replicas_in_sync} replicas on "
            f"{', '.join(devices)}: XLA compiles for one device; leave jit_compile at 'auto'"
        )
