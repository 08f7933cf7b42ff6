"""The state of TensorFlow's runtime in this process: devices are fixed when it first runs."""

from __future__ import annotations

from tftrain.errors import StrategyError
from tftrain.keras_api import tf


def load() -> None:
    """Imports TensorFlow and Keras by the guarded door, without starting the runtime."""
    tf.config.list_physical_devices()


def is_running() -> bool:
    """Whether TensorFlow has run an operation or listed its logical devices."""
    load()
    from tensorflow.python.eager import context

    return context.context()._context_handle is not None


def require_unused(strategy: str) -> None:
    """Checks that devices and cluster can still be configured.

    Raises:
        StrategyError: TensorFlow has already run.
    """
    if is_running():
        raise StrategyError(
            f"strategy {strategy!r} was asked for after TensorFlow had run an operation, which "
            "fixes its devices: call tftrain.distribute.strategy(...) before anything that makes "
            "tensors, variables, models or random numbers (a seed may be set before)"
        )


def use_logical_cpus(count: int, strategy: str = "mirrored") -> list[str]:
    """Splits the CPU into `count` logical devices, for trying out what `strategy` does.

    Returns:
        Their names, e.g. `["CPU:0", "CPU:1"]`.

    Raises:
        StrategyError: TensorFlow has already run with fewer of them.
    """
    if not is_running():
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        tf.config.set_logical_device_configuration(cpu, parts)
    elif len(tf.config.list_logical_devices("CPU")) < count:
        require_unused(strategy)
    return [f"CPU:{index}" for index in range(count)]
