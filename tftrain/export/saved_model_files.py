"""The files of a SavedModel, written and looked at."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tftrain.export import signatures
from tftrain.export.class_labels import ClassLabels
from tftrain.export.signature_choice import METHODS
from tftrain.export.traced_model import TracedModel
from tftrain.keras_api import quiet_logger, tf

_GRAPH = "saved_model.pb"


def write(folder: Path, traced: TracedModel, names: Collection[str]) -> None:
    """Writes a model with its signatures.

    The module that is saved holds variables and tables, not the model: through a Keras 3 model
    `tf.saved_model.save` loses variables.

    Args:
        folder: Where to; exists.
        traced: The model.
        names: Of the signatures.
    """
    module = tf.Module()
    module.held = list(traced.function.graph.variables)
    module.tables = traced.tables
    with tempfile.TemporaryDirectory(prefix="tftrain-export-") as assets, quiet_logger():
        labels = ClassLabels(traced.labels, Path(assets)) if traced.labels else None
        module.labels = labels.table if labels else None
        module.function = traced.function  # signatures call it, and do not keep it
        called = signatures.functions(names, traced, labels)
        tf.saved_model.save(module, str(folder), signatures=called)
    _name_methods(folder / _GRAPH)


def _name_methods(path: Path) -> None:
    """TensorFlow 2 writes every signature as one for `Predict`."""
    saved = _read(path)
    for graph in saved.meta_graphs:
        for name, method in METHODS.items():
            if name in graph.signature_def:
                graph.signature_def[name].method_name = method
    path.write_bytes(saved.SerializeToString(deterministic=True))


def signature_definitions(folder: Path) -> dict[str, Any]:
    """The signatures of a SavedModel as it declares them (`SignatureDef`), by name.

    Args:
        folder: Of the SavedModel.
    """
    (graph,) = _read(folder / _GRAPH).meta_graphs
    named = dict(graph.signature_def)
    named.pop("__saved_model_init_op", None)
    return named


def is_saved_model(folder: Path) -> bool:
    """Whether a folder holds a SavedModel."""
    return (folder / _GRAPH).is_file()


def _read(path: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2  # loads TensorFlow

    return saved_model_pb2.SavedModel.FromString(path.read_bytes())
