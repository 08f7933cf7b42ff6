"""The state of TensorFlow's runtime in this process: devices are fixed when it first runs."""

from __future__ import annotations

from tftrain.errors import StrategyError
from tftrain.keras_api import tf

_MOST_CPUS = 1024


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
        StrategyError: They are too many, or TensorFlow has already run with fewer of them.
    """
    if count > _MOST_CPUS:
        raise StrategyError(
            f"strategy {strategy!r} needs {count} devices, and there is no GPU: the CPU is split "
            f"into {_MOST_CPUS} logical devices at most, for trying out; ask for fewer"
        )
    if not is_running():
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        tf.config.set_logical_device_configuration(cpu, parts)
    elif (there := len(tf.config.list_logical_devices("CPU"))) < count:
        raise StrategyError(
            f"strategy {strategy!r} needs {count} devices, and was asked for after TensorFlow had "
            f"run an operation, which has fixed them: there {_counted(there)}. Ask for {there} or "
            "fewer; or call tftrain.distribute.strategy(...), the largest first, before anything "
            "that makes tensors, variables, models or random numbers (a seed may be set before)"
        )
    return [f"CPU:{index}" for index in range(count)]


def _counted(cpus: int) -> str:
    return f"are {cpus} logical CPUs" if cpus > 1 else "is 1 logical CPU"
