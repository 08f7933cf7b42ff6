"""The strategy: a mesh, a layout, and the variables made under them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tensorflow.experimental import dtensor
from tensorflow.python.distribute.one_device_strategy import OneDeviceExtended

from tftrain.distribute.layouts import Layout
from tftrain.distribute.tensor_parallel import memory, mesh_shapes, mesh_variable
from tftrain.errors import StrategyError
from tftrain.keras_api import keras, tf

_SHOWN = 12
_OF_STEPS = ("_distribute_strategy", "train_function", "test_function", "predict_function")


class ModelParallelStrategy(tf.distribute.Strategy):
    """One program on all devices of a mesh; to Keras it is one device.

    Args:
        mesh: A `dtensor.Mesh` of this process's devices.
        layout: Which axes of it variables are cut over.

    Attributes:
        mesh: The mesh.
        axes: Sizes of its axes, by name.
        extent: The mesh, in words.
    """

    cuts_variables = True

    def __init__(self, mesh: Any, layout: Layout) -> None:
        super().__init__(_Extended(self, mesh.local_devices()[0]))
        self.mesh = mesh
        self.axes: dict[str, int] = {name: mesh.dim_size(name) for name in mesh.dim_names}
        self.extent = f"mesh {mesh_shapes.shown(self.axes)}"
        self._layout = layout
        self._owned: list[Any] = []  # layouts of variables being made for others, the last last

    @contextlib.contextmanager
    def scope(self) -> Iterator[ModelParallelStrategy]:
        """Within the block, variables are laid out and models trained on the mesh."""
        with super().scope(), tf.device(None):
            yield self

    @contextlib.contextmanager
    def laying_out(self, layout: Any) -> Iterator[None]:
        """Within the block, variables get this layout, of their owner's; None: whole."""
        self._owned.append(layout)
        try:
            yield
        finally:
            self._owned.pop()

    def layout(self, *axes: str | None) -> Any:
        """A `dtensor.Layout` of the mesh, an axis or None a dimension."""
        return dtensor.Layout([axis or dtensor.UNSHARDED for axis in axes], self.mesh)

    def make_variable(self, path: str, value: Any, **options: Any) -> Any:
        """A variable laid out as its path, or its owner, says."""
        layout = self._layout_of(path, tuple(value.shape))
        return mesh_variable.make(value, layout, distribute_strategy=self, **options)

    def _layout_of(self, path: str, shape: tuple[int, ...]) -> Any:
        if self._owned:
            owned = self._owned[-1]
            return self.layout(*[None] * len(shape)) if owned is None else owned
        if not shape:
            return self.layout()
        axes = self._layout.axes_of(path, shape, self.axes)
        return self.layout(*(axes or [None] * len(shape)))

    def check_layout(self, model: Any) -> None:
        """Checks that the layout has found what it names, and cuts something of a built model.

        Raises:
            StrategyError: It has not, or does not.
        """
        shapes = {each.path: tuple(each.shape) for each in model.variables if each.shape}
        paths = [f"{path} {shape}" for path, shape in shapes.items()]
        known = ", ".join(paths[:_SHOWN]) + (", ..." if len(paths) > _SHOWN else "")
        if unused := self._layout.unused():
            raise StrategyError(
                f"layout: no variable matches {', '.join(map(repr, unused))}; there are {known}"
            )
        if not any(each._value.names_axis for each in model.variables):
            raise StrategyError(
                f"the layout cuts no variable over {self.extent}, so that each device would hold "
                "the whole model: choose another, or a mesh whose axes divide their dimensions; "
                f"there are {known}"
            )

    def batch_axis(self, batch: Any) -> str | None:
        """The axis that a batch is cut over; None where its rows cannot be, and all have it."""
        if mesh_shapes.BATCH not in self.axes:
            return None
        rows = {leaf.shape[0] for leaf in _leaves(batch) if leaf.shape.rank}
        uneven = any(count % self.axes[mesh_shapes.BATCH] for count in rows)
        return None if uneven else mesh_shapes.BATCH

    def memory(self, model: Any) -> memory.MemoryTable:
        """What each device holds of a model's variables and of its optimizer's, measured."""
        return memory.measured(model, self)

    @contextlib.contextmanager
    def whole(self, model: Any) -> Iterator[None]:
        """Within the block the model is an ordinary one, on one device: its values are gathered.

        What is assigned within it is lost.
        """
        optimizer = getattr(model, "optimizer", None)
        variables = {
            id(v): v
            for v in [
                *model.variables,
                *model.metrics_variables,
                *getattr(optimizer, "variables", []),
            ]
        }
        held = [(variable, variable._value) for variable in variables.values()]
        models = [
            (each, {name: getattr(each, name) for name in _OF_STEPS}) for each in _models(model)
        ]
        try:
            for each, _ in models:
                _set(each, dict.fromkeys(_OF_STEPS))
            for variable, value in held:
                if isinstance(value, mesh_variable.MeshVariable):
                    variable._value = tf.Variable(
                        value.numpy(), trainable=value.trainable, name=variable.name
                    )
            yield
        finally:
            for variable, value in held:
                variable._value = value
            for each, attributes in models:
                _set(each, attributes)


class _Extended(OneDeviceExtended):
    """What TensorFlow and Keras ask of a strategy while variables are made and updated."""

    def _create_variable(self, next_creator: Any, **kwargs: Any) -> Any:
        """A `tf.Variable` made in the scope: whole on each device."""
        value = kwargs["initial_value"]
        value = tf.convert_to_tensor(value() if callable(value) else value, kwargs.get("dtype"))
        strategy = self._container_strategy()
        with strategy.laying_out(None):
            return strategy.make_variable(
                kwargs.get("name") or "", value, trainable=bool(kwargs.get("trainable"))
            )

    def _validate_colocate_with_variable(self, colocate_with_variable: Any) -> None:
        """Any will do: a variable's place is its layout."""

    def _update(self, var: Any, fn: Any, args: Any, kwargs: Any, group: bool) -> Any:
        result = fn(var, *args, **kwargs)
        return result if group else tf.nest.map_structure(self._local_results, result)

    def variable_created_in_scope(self, v: Any) -> bool:
        return getattr(v, "_distribute_strategy", None) is self._container_strategy()


def _leaves(batch: Any) -> list[Any]:
    return [leaf for leaf in keras.tree.flatten(batch) if leaf is not None]


def _set(model: Any, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        setattr(model, name, value)


def _models(model: Any) -> list[Any]:
    layers = model._flatten_layers() if hasattr(model, "_flatten_layers") else [model]
    return [each for each in layers if hasattr(each, "_distribute_strategy")]
