"""The devices of a mesh, in this process, and the strategy over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tftrain.distribute import runtime
from tftrain.distribute.layouts import Layout
from tftrain.distribute.tensor_parallel import mesh_shapes


def of_mesh(axes: Mapping[str, int]) -> list[str]:
    """The names of the devices that a mesh takes: TPU cores or GPUs, else logical CPUs.

    Raises:
        StrategyError: There are fewer, or TensorFlow has already run with fewer CPUs.
    """
    asked = f"the mesh {mesh_shapes.shown(axes)}"
    count = mesh_shapes.devices(axes)
    return runtime.take_devices(count, "model_parallel", asked, ("TPU", "GPU"))


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
