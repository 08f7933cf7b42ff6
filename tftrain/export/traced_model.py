"""A served model as one traced function, and what its graph tells."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tftrain.errors import ExportError
from tftrain.export.class_labels import ADDED
from tftrain.export.graph_checks import last_operation, require_no_python
from tftrain.export.resources import used_tables
from tftrain.export.served_model import ServedModel
from tftrain.keras_api import quiet_logger, tf
from tftrain.portable_layers import without_fused_loops

_PROBABILITIES = ("Softmax", "Sigmoid")


@dataclasses.dataclass(frozen=True)
class TracedModel:
    """A served model as one traced function, which every signature calls.

    Attributes:
        served: The model.
        function: The concrete function, from raw inputs to outputs by name.
        tables: That the function looks up.
        labels: Of the classes, or None.
    """

    served: ServedModel
    function: Any
    tables: list[Any]
    labels: tuple[str, ...] | None

    @property
    def outputs(self) -> dict[str, Any]:
        """Shapes and dtypes of the outputs, by name."""
        return self.function.structured_outputs

    @property
    def only(self) -> str | None:
        """The name of the output, if there is just one."""
        return next(iter(self.outputs)) if len(self.outputs) == 1 else None

    @property
    def probabilities(self) -> bool:
        """Whether the only output comes from a softmax or a sigmoid."""
        return self.only is not None and self._last in _PROBABILITIES

    @property
    def _last(self) -> str:
        return last_operation(self.function.graph.structured_outputs[self.only])

    @property
    def classes(self) -> int | None:
        """Number of classes, if the outputs can be scores of such."""
        if self.only is None:
            return None
        only = self.outputs[self.only]
        if not only.dtype.is_floating or only.shape.rank != 2 or only.shape[1] is None:
            return None
        if only.shape[1] == 1:
            return 2 if self._last == "Sigmoid" else None
        return only.shape[1]


def check_labels(traced: TracedModel) -> None:
    """Checks that there is one label for each class.

    Raises:
        ExportError: There is another number of classes, or of outputs.
    """
    if traced.labels is None:
        return
    if traced.classes is None:
        shapes = ", ".join(f"{name} {list(one.shape)}" for name, one in traced.outputs.items())
        raise ExportError(
            f"labels need one output of scores [B, classes]; the model gives {shapes}"
        )
    if traced.only in ADDED:
        raise ExportError(
            f"the model's output is called {traced.only!r}, as is what labels add to it: call it "
            "otherwise, such as 'scores'"
        )
    if len(traced.labels) != traced.classes:
        raise ExportError(
            f"{len(traced.labels)} labels, but the model tells {traced.classes} classes apart: "
            "give one label for each, in the order of the outputs"
        )


def trace(served: ServedModel, labels: tuple[str, ...] | None) -> TracedModel:
    """Traces a served model for batches of any size.

    Raises:
        ExportError: It cannot be traced, needs Python, uses a table that cannot be saved, or the
            labels do not fit it.
    """
    model = served.signature.model
    function = tf.function(lambda **raw: _answers(served, raw), autograph=False)
    try:
        with without_fused_loops(model), quiet_logger():
            concrete = function.get_concrete_function(**served.raw)
    except ExportError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise ExportError(
            f"model {model.name!r} cannot be traced for batches of any size ({reason}): call it "
            "on keras.Input(shape), whose batch is free, and with functions of TensorFlow only"
        ) from error
    require_no_python(concrete.graph, f"model {model.name!r}")
    tables = used_tables(concrete.graph, [model, served.preprocessing])
    traced = TracedModel(served, concrete, tables, labels)
    check_labels(traced)
    return traced


def _answers(served: ServedModel, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Answers to an empty batch as well.

    oneDNN's convolutions give an empty batch a wrong shape, and fail in the next operation; what
    reshapes to -1 fails too. So the model is given a row of zeros instead, and no answer is taken.
    """
    rows = tf.shape(next(iter(raw.values())))[0]

    def filled(tensor: Any) -> Any:
        one = tf.concat([[1], tf.shape(tensor)[1:]], axis=0)
        return tf.cond(rows > 0, lambda: tensor, lambda: tf.zeros(one, tensor.dtype))

    answers = served.answers({name: filled(tensor) for name, tensor in raw.items()})
    for name, tensor in answers.items():
        if tensor.shape.rank == 0 or (tensor.shape.rank and tensor.shape[0] is not None):
            shape = list(tensor.shape)
            raise ExportError(
                f"output {name!r} of model {served.signature.model.name!r} has shape {shape} "
                "whatever the batch: expected one row for each row of the input"
            )
    return {name: tensor[:rows] for name, tensor in answers.items()}
