"""The devices of a mesh, in this process, and the strategy over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tftrain.distribute import clusters, runtime
from tftrain.distribute.layouts import Layout
from tftrain.distribute.tensor_parallel import mesh_shapes
from tftrain.errors import StrategyError
from tftrain.keras_api import tf


def refuse_clusters() -> None:
    """Checks that this process is alone.

    Raises:
        StrategyError: It is one of several, over which no mesh is laid.
    """
    found = clusters.detect()
    if found is not None and found[0].peers:
        raise StrategyError(
            f"model_parallel cuts a model over the devices of one process, and {found[1]} has "
            f"{len(found[0].peers) + 1}: start it alone, or use the strategy 'multiworker'"
        )


def of_mesh(axes: Mapping[str, int]) -> list[str]:
    """The names of the devices that a mesh takes: TPU cores or GPUs, else logical CPUs.

    Raises:
        StrategyError: There are fewer, or TensorFlow has run with another number of CPUs.
    """
    count = mesh_shapes.devices(axes)
    for kind in ("TPU", "GPU"):
        visible = len(tf.config.list_physical_devices(kind))
        if visible:
            return _of_kind(kind, count, visible, axes)
    return runtime.use_logical_cpus(count, "model_parallel")


def _of_kind(kind: str, count: int, visible: int, axes: Mapping[str, int]) -> list[str]:
    if count > visible:
        raise StrategyError(
            f"the mesh {mesh_shapes.shown(axes)} takes {count} devices, and {visible} "
            f"{kind}{'s are' if visible > 1 else ' is'} visible: choose axes whose product is "
            f"{visible} or less"
        )
    return [f"{kind}:{index}" for index in range(count)]


def strategy(axes: Mapping[str, int], names: list[str], layout: Layout) -> Any:
    """Makes the strategy, and repairs Keras for it.

    Args:
        axes: Sizes of the mesh's axes, by name.
        names: Of its devices, in the mesh's order.
        layout: Which axes variables are cut over.
    """
    from tensorflow.experimental import dtensor

    from tftrain.distribute.keras_bridge import (
        dtensor_fit,
        dtensor_operations,
        dtensor_variables,
    )
    from tftrain.distribute.tensor_parallel.strategy import ModelParallelStrategy

    if names[0].startswith("TPU"):
        dtensor.initialize_accelerator_system("TPU")
    for repair in (dtensor_variables, dtensor_operations, dtensor_fit):
        repair.install()
    return ModelParallelStrategy(dtensor.create_mesh(list(axes.items()), devices=names), layout)
