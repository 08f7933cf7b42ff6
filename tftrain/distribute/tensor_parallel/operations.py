"""Operations that DTensor cannot share out as they are, and what is done about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tensorflow.experimental import dtensor

from tftrain.distribute.tensor_parallel import step_trace
from tftrain.errors import StrategyError
from tftrain.keras_api import keras, tf

_OPERATION = (r"'tf\.(\w+)' op", r"expansion of tf\.(\w+)", r'operation: .*?"tf\.(\w+)"')
_REMEDY = "put another layer in its place, or use the strategy 'mirrored' or 'pipeline'"

_WITHOUT = (
    "compile without that metric, and evaluate it within `with strategy.whole(model):`, or use the "
    "strategy 'mirrored' or 'pipeline'"
)


def whole(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result of an operation, the same on every device: random numbers are those of one."""
    result = original(*args, **kwargs)
    trace = step_trace.current()
    if trace is None:
        return result
    return dtensor.relayout(result, trace.strategy.layout(*[None] * result.shape.rank))


def chosen(original: Callable[..., Any], pred: Any, true_fn: Any, false_fn: Any) -> Any:
    """A condition, in which a step's variables may be assigned: both branches, and a choice."""
    trace = step_trace.current()
    if trace is None or isinstance(pred, bool):
        return original(pred, true_fn, false_fn)
    return trace.choose(pred, true_fn, false_fn)


def aligned(
    original: Callable[..., Any], condition: Any, t: Any, e: Any, name: str | None = None
) -> Any:
    """`where` with a condition of the values' rank: one of a lower rank crashes DTensor."""
    if step_trace.current() is not None:
        condition, t, e = (tf.convert_to_tensor(each) for each in (condition, t, e))
        missing = max(t.shape.rank, e.shape.rank) - condition.shape.rank
        if missing > 0:
            condition = tf.reshape(condition, [1] * missing + condition.shape.as_list())
    return original(condition, t, e, name)


def over_rows(original: Callable[..., Any], x1: Any, x2: Any) -> Any:
    """A quotient, of which an embedding's gradient is the dividend: of its rows alone.

    Keras adds the rows in which a divisor is zero, how many is known when it runs. In a step those
    are an optimizer's, which has none: it adds an epsilon.
    """
    is_sparse = isinstance(x1, tf.IndexedSlices) and not isinstance(x2, tf.IndexedSlices)
    if step_trace.current() is None or not is_sparse or not len(getattr(x2, "shape", ())):
        return original(x1, x2)
    return tf.IndexedSlices(x1.values / tf.gather(x2, x1.indices), x1.indices, x1.dense_shape)


def by_rows(original: Callable[..., Any], inputs: Any, *args: Any, **kwargs: Any) -> Any:
    """An operation on images whose rows alone are shared out."""
    if step_trace.current() is None:
        return original(inputs, *args, **kwargs)
    return _rows(original(_rows(inputs), *args, **kwargs))


def by_rows_with_kernel(
    original: Callable[..., Any], inputs: Any, kernel: Any, *args: Any, **kwargs: Any
) -> Any:
    """Likewise, with the whole kernel, which is gathered for it and dropped again."""
    if step_trace.current() is None:
        return original(inputs, kernel, *args, **kwargs)
    kernel = whole(lambda: tf.convert_to_tensor(kernel))
    return _rows(original(_rows(inputs), kernel, *args, **kwargs))


def as_one_product(
    original: Callable[..., Any], x: Any, y: Any, adj_x: bool, adj_y: bool, **rest: Any
) -> Any:
    """Many matrices `[..., n]` by one: a product of all their rows.

    As many products, its gradient is one matrix for each of them and then their sum, which DTensor
    cannot cut along another dimension than its terms.
    """
    if step_trace.current() is None or adj_x or y.shape.rank != 2:
        return original(x, y, adj_x=adj_x, adj_y=adj_y, **rest)
    return tf.tensordot(x, tf.linalg.adjoint(y) if adj_y else y, axes=1)


def _rows(value: Any) -> Any:
    value = tf.convert_to_tensor(value)
    trace = step_trace.current()
    count, axis = value.shape[0], trace.batch_axis
    if axis and (count is None or count % trace.strategy.axes[axis]):
        axis = None
    return dtensor.relayout(value, trace.strategy.layout(axis, *[None] * (value.shape.rank - 1)))


def check(model: Any) -> None:
    """Checks that a model has no layers that are known not to run on a mesh.

    Raises:
        StrategyError: They are; layers are all named.
    """
    if model.run_eagerly:
        raise StrategyError(
            "model_parallel does not support run_eagerly=True: a mesh runs traced steps only; "
            "compile without it"
        )
    _check_layers(model)
    _check_precision(model)


def _check_layers(model: Any) -> None:
    refused = [(layer, why) for layer in model._flatten_layers() if (why := _refusal(layer))]
    if refused:
        named = "; ".join(
            f"{layer.name!r} ({type(layer).__name__}: {why})" for layer, why in refused
        )
        raise StrategyError(f"model_parallel cannot run layers of model {model.name!r}: {named}")


def _check_precision(model: Any) -> None:
    """Gathered kernels of float64 came out wrong."""
    wide = [layer.name for layer in model._flatten_layers() if _is_wide(layer)]
    if wide:
        raise StrategyError(
            f"model_parallel cannot run float64 (layer {wide[-1]!r}): DTensor gathers its shards "
            "wrongly; use float32"
        )


def _is_wide(layer: Any) -> bool:
    # What data are given as does no harm: layers cast it to their own.
    is_input = isinstance(layer, keras.layers.InputLayer)
    return not is_input and "float64" in (layer.compute_dtype, layer.variable_dtype)


def _refusal(layer: Any) -> str | None:
    kinds = keras.layers
    if isinstance(layer, (kinds.RNN, kinds.Bidirectional)):
        return f"loops over steps cannot be shared out; {_REMEDY}"
    if isinstance(layer, (kinds.AveragePooling1D, kinds.AveragePooling2D, kinds.AveragePooling3D)):
        return (
            "its gradient cannot be shared out; use MaxPooling, a convolution with strides, or "
            "GlobalAveragePooling"
        )
    depthwise = (kinds.DepthwiseConv1D, kinds.DepthwiseConv2D)
    if isinstance(layer, (*depthwise, kinds.SeparableConv1D, kinds.SeparableConv2D)):
        return f"the gradient of depthwise kernels cannot be shared out; use Conv, or {_REMEDY}"
    return None


def reason(error: Exception, graph: Any) -> str | None:
    """What DTensor could not do, in words: the operation, and the layers that have it."""
    text = str(error)
    found = next((m for pattern in _OPERATION if (m := re.search(pattern, text))), None)
    if found is None:
        return None
    operation = found.group(1)
    nodes = [] if graph is None else graph.get_operations()
    names = dict.fromkeys(node.name.rpartition("/")[0] for node in nodes if node.type == operation)
    places = ", ".join(repr(name) for name in list(names)[:3] if name)
    told = f"DTensor cannot share out the operation {operation!r}"
    if not places:
        return f"{told}, which a metric or the loss has, and no layer: {_WITHOUT}"
    return f"{told} (in {places}): {_REMEDY}"
