"""Refuses XLA where replicas exchange gradients, sums and rows within a step.

Symptom: `jit_compile=True` under MirroredStrategy on CPUs fails in the first step with a message
about devices.
Cause: XLA compiles a step for one device, and the exchange between replicas lies within it.
Upstream: keras#20763. Versions: seen in Keras 3.12.4 and 3.15.1.
`jit_compile="auto"` is False there, on every kind of device.
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
        StrategyError: Its replicas or stages exchange within the step.
    """
    from tftrain.distribute.pipeline.pipeline_strategy import is_pipeline

    if is_replicated(strategy):
        raise StrategyError(
            f"jit_compile=True cannot work under {type(strategy).__name__} (replicas in step: "
            f"{strategy.num_replicas_in_sync}): XLA compiles for one device, and replicas "
            "exchange within a step; leave jit_compile at 'auto'"
        )
    if is_pipeline(strategy):
        raise StrategyError(
            f"jit_compile=True cannot work under {type(strategy).__name__} (stages: "
            f"{len(strategy.devices)}): XLA compiles for one device, and each stage is on its "
            "own; leave jit_compile at 'auto'"
        )
