"""The lookup tables that a graph uses, found where Python holds them.

A SavedModel holds what its module reaches. Variables are known to the graph; a table is known to
the layer, the `tf.Module` or the function that it belongs to.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tftrain.errors import ExportError
from tftrain.keras_api import keras, tf

_MODULES = ("keras", "tf_keras", "tensorflow", "tensorflow_model_optimization")


def used_tables(graph: Any, owners: Iterable[Any]) -> list[Any]:
    """The tables of which a graph has captured the handle.

    Args:
        graph: Traced.
        owners: Models, layers, modules and functions to search.

    Raises:
        ExportError: Some belong to none of the owners.
    """
    variables = {id(variable.handle) for variable in graph.variables}
    wanted = {
        id(outside): outside
        for outside, _ in graph.captures
        if outside.dtype == tf.resource and id(outside) not in variables
    }
    if not wanted:
        return []
    found = {id(table.resource_handle): table for table in _tables(owners) if _has_handle(table)}
    lost = wanted.keys() - found.keys()
    if lost:
        raise ExportError(
            f"the graph uses {len(lost)} table or other resource that belongs to no layer: keep "
            "it in an attribute of a Keras layer or of a tf.Module, and give that"
        )
    return [found[handle] for handle in wanted]


def _has_handle(table: Any) -> bool:
    try:
        return table.resource_handle is not None
    except (AttributeError, RuntimeError):
        return False


def _tables(owners: Iterable[Any]) -> Iterator[Any]:
    seen: set[int] = set()
    waiting = list(owners)
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, tf.saved_model.experimental.TrackableResource):
            yield value
        else:
            waiting.extend(_held(value))


def _held(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple, set)):
        return list(value)
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if inspect.ismethod(value):
        return [value.__self__, value.__func__]
    if inspect.isfunction(value):
        return _used_by(value)
    if hasattr(value, "python_function"):  # of a tf.function
        return [value.python_function]
    if hasattr(value, "_flatten_layers"):
        own = [vars(layer) for layer in value._flatten_layers(include_self=False)]
        return [vars(value), *own]
    if isinstance(value, (keras.layers.Layer, tf.Module)):
        return [vars(value)]
    return []


def _used_by(function: Any) -> Iterable[Any]:
    if (function.__module__ or "").split(".")[0] in _MODULES:
        return []
    try:
        variables = inspect.getclosurevars(function)
    except ValueError:  # it refers to a name that is not bound yet
        return []
    return [*variables.nonlocals.values(), *variables.globals.values()]
