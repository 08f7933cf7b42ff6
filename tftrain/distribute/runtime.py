"""The state of TensorFlow's runtime in this process: devices are fixed when it first runs."""

from __future__ import annotations

from collections.abc import Sequence

from tftrain.distribute import cores
from tftrain.errors import StrategyError
from tftrain.keras_api import tf
from tftrain.notices import notice

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


def take_devices(
    count: int, strategy: str, asked: str, kinds: Sequence[str] = ("GPU",)
) -> list[str]:
    """The devices that a strategy runs on: of the first kind of which one is visible, else CPUs.

    Args:
        count: How many.
        strategy: Its name.
        asked: What was asked for, as `devices=2`.
        kinds: Of accelerators.

    Returns:
        Their names, e.g. `["GPU:0", "GPU:1"]`.

    Raises:
        StrategyError: There are fewer, or TensorFlow has already run with fewer CPUs.
    """
    for kind in kinds:
        visible = len(tf.config.list_physical_devices(kind))
        if 0 < visible < count:
            raise StrategyError(
                f"{asked} takes {count} devices, and {visible} {kind}{'s' * (visible > 1)} can be "
                f"seen: ask for {visible} at most"
            )
        if visible:
            return [f"{kind}:{index}" for index in range(count)]
    return _logical_cpus(count, strategy)


def _logical_cpus(count: int, strategy: str) -> list[str]:
    """Splits the CPU into logical devices, for trying out what a strategy does."""
    if count > _MOST_CPUS:
        raise StrategyError(
            f"strategy {strategy!r} needs {count} devices, and there is no GPU: the CPU is split "
            f"into {_MOST_CPUS} logical devices at most, for trying out; ask for fewer"
        )
    if not is_running():
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        tf.config.set_logical_device_configuration(cpu, parts)
        if count > (there := len(cores.usable())):
            shared = f"{there} CPU core{'s' * (there > 1)}"
            notice(f"{count} devices share {shared}: for trying out, not for speed")
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
