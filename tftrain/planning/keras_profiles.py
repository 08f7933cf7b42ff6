"""The profile of a Keras model, counted from the graph of a forward and a backward pass.

Nothing is run and no variable is made, so that a model larger than the machine's memory can be
looked at. What is kept for the backward pass are the tensors that TensorFlow's gradients read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tftrain.errors import BadInput
from tftrain.keras_api import keras, quiet_logger, tf
from tftrain.planning import operation_costs, traced_layers
from tftrain.planning.profiles import Kept, LayerProfile, ModelProfile
from tftrain.planning.trainings import PRECISIONS

# What a tensor axis can split, and the axis of the kernel whose length it must divide.
_COLUMNS = ("Dense", "EinsumDense")
_ALWAYS = ("Conv1D", "Conv2D", "Conv3D", "Embedding", "MultiHeadAttention")


def profile(subject: Callable[[], Any] | Any) -> ModelProfile:
    """The profile of a model, or of what a function makes.

    Args:
        subject: A `keras.Model` whose input shapes are known, but for the batch; or a function
            without arguments that gives one. It is called with a graph of its own as TensorFlow's
            default: what it makes of variables takes no memory.

    Raises:
        BadInput: It gives no model, the model is not built, or it cannot be traced.
    """
    make = _copier(subject) if isinstance(subject, keras.Model) else subject
    with tf.Graph().as_default(), quiet_logger():
        model = _made(make)
        try:
            found = traced_layers.trace(model, _input_shapes(model))
            slots = _slots(model)
        except BadInput:
            raise
        except Exception as error:  # whatever a model's own code raises
            raise BadInput(
                f"model {model.name!r} cannot be traced without being run: "
                f"{type(error).__name__}: {error}"
            ) from error
        return _profile(model, found, slots)


def _made(subject: Any) -> Any:
    if not callable(subject):
        raise BadInput(
            f"model is a {type(subject).__name__}; expected a Keras model, a function that makes "
            "one, or the description of a transformer"
        )
    model = subject()
    if not isinstance(model, keras.Model):
        raise BadInput(
            f"the function that was given as model returned {type(model).__name__}; expected the "
            "Keras model that it makes"
        )
    return model


def _copier(model: Any) -> Callable[[], Any]:
    """Makes the same layers again: variables of the model itself belong to another graph."""
    _input_shapes(model)
    optimizer = getattr(model, "optimizer", None)
    rates = None if optimizer is None else optimizer.get_config()
    try:
        description = model.get_config()
    except Exception as error:
        raise _unlike(model, error) from error

    def copy() -> Any:
        try:
            made = type(model).from_config(description)
        except Exception as error:
            raise _unlike(model, error) from error
        if optimizer is not None:
            made.optimizer = type(optimizer).from_config(rates)
        return made

    return copy


def _unlike(model: Any, error: Exception) -> BadInput:
    return BadInput(
        f"model {model.name!r} cannot be made again from its configuration "
        f"({type(error).__name__}: {error}); give the function that makes it"
    )


def _input_shapes(model: Any) -> Any:
    inputs = getattr(model, "_inputs_struct", None)
    inputs = model.inputs if inputs is None and getattr(model, "inputs", None) else inputs
    if inputs is None:
        raise BadInput(
            f"model {model.name!r} has no inputs of known shape: expected a Functional model, or a "
            "Sequential model that begins with keras.Input"
        )
    for each in keras.tree.flatten(inputs):
        if None in each.shape[1:]:
            raise BadInput(
                f"input {each.name!r} of model {model.name!r} has the shape {tuple(each.shape)}; "
                "expected every size but the batch's to be known"
            )
    single = isinstance(inputs, (list, tuple)) and len(inputs) == 1
    return inputs[0] if single else inputs


def _slots(model: Any) -> float | None:
    """Numbers a parameter that the model's own optimizer keeps."""
    optimizer = _optimizer(model)
    if optimizer is None:
        return None
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    kept = sum(math.prod(each.shape) for each in optimizer.variables if len(each.shape))
    return kept / max(1, sum(math.prod(each.shape) for each in model.trainable_variables))


def _optimizer(model: Any) -> Any:
    """The model's own, without the one that scales the loss for it; None if it has none."""
    optimizer = getattr(model, "optimizer", None)
    return getattr(optimizer, "inner_optimizer", optimizer)


def _profile(model: Any, found: traced_layers.Trace, slots: float | None) -> ModelProfile:
    columns = 0
    layers = []
    for layer, *traced in zip(
        found.layers, found.forward, found.kept, found.returned, found.crossing, strict=True
    ):
        is_column = _kind(layer) in _COLUMNS and columns % 2 == 0
        columns += _kind(layer) in _COLUMNS
        layers.append(_of_layer(layer, *traced, is_column))
    inputs = keras.tree.flatten(model.inputs)
    optimizer = _optimizer(model)
    return ModelProfile(
        model.name,
        tuple(layers),
        slots=slots,
        # tftrain.optim makes subclasses of Keras's optimizers for decay.
        optimizer=None if optimizer is None else _kind(optimizer).removeprefix("Selective").lower(),
        precision=_precision(found.layers),
        inputs=float(sum(math.prod(each.shape[1:]) for each in inputs)),
    )


def _of_layer(
    layer: Any,
    forward: tuple[Any, ...],
    kept: tuple[Any, ...],
    returned: float,
    crossing: float,
    is_column: bool,
) -> LayerProfile:
    rows = traced_layers.ROWS
    shapes = tuple(tuple(each.shape) for each in layer.trainable_variables)
    untrained = sum(math.prod(each.shape) for each in layer.non_trainable_variables)
    saved = _kept(kept) + _kept_in_loops(forward)
    split, divisor = _split(layer, is_column)
    inside = split > 0 and (is_column or _kind(layer) in _ALWAYS)
    return LayerProfile(
        layer.name,
        shapes,
        untrained,
        flops=sum(map(operation_costs.operations, forward)) / rows,
        convolution_flops=sum(
            operation_costs.operations(each)
            for each in forward
            if operation_costs.is_convolution(each)
        )
        / rows,
        backward=1.0 if _reads_inputs_alone(forward) else 2.0,
        touched=sum(map(operation_costs.written, forward)) / rows,
        kept=Kept() if inside else saved,
        kept_split=saved if inside else Kept(),
        output=crossing,
        split=split,
        divisor=divisor,
        reduced_forward=returned if split and not is_column else 0.0,
        reduced_backward=_given(forward) if inside else 0.0,
    )


def _precision(layers: tuple[Any, ...]) -> str:
    """Of the first layer that has not Keras's usual one, as far as plans know it."""
    names = [layer.dtype_policy.name for layer in layers]
    return next((name for name in names if name in PRECISIONS and name != "float32"), "float32")


def _kind(layer: Any) -> str:
    return type(layer).__name__


def _split(layer: Any, is_column: bool) -> tuple[int, int]:
    """Parameters that a tensor axis can split, and what its length must divide."""
    kind = _kind(layer)
    kernels = [tuple(each.shape) for each in layer.trainable_variables if len(each.shape) > 1]
    if not kernels or kind not in (*_COLUMNS, *_ALWAYS):
        return 0, 1
    if kind == "MultiHeadAttention":
        divisor = layer.num_heads
    elif kind == "Embedding":
        divisor = kernels[0][0]
    else:
        divisor = kernels[0][-1] if is_column or kind in _ALWAYS else kernels[0][0]
    return sum(map(math.prod, kernels)), divisor


def _kept(tensors: tuple[Any, ...]) -> Kept:
    grown = [each for each in tensors if traced_layers.grows(each)]
    floats = sum(traced_layers.of_one(each) for each in grown if each.dtype.is_floating)
    masks = sum(
        traced_layers.of_one(each) * each.dtype.size for each in grown if not each.dtype.is_floating
    )
    return Kept(floats, masks)


def _kept_in_loops(forward: tuple[Any, ...]) -> Kept:
    """Of recurrent layers: what each of their steps writes, which the way back reads again."""
    floats = 0.0
    for each in forward:
        if each.type in operation_costs.LOOPS:
            made = operation_costs.body(each)
            written = sum(
                traced_layers.of_one(output)
                for operation in made
                if operation_costs.written(operation) or operation_costs.operations(operation)
                for output in operation.outputs
                if output.dtype.is_floating and traced_layers.grows(output)
            )
            floats += operation_costs.trips(each) * written
    return Kept(floats)


def _given(forward: tuple[Any, ...]) -> float:
    """Numbers of one example that a layer reads from others."""
    return sum(map(traced_layers.of_one, _read(forward)))


def _reads_inputs_alone(forward: tuple[Any, ...]) -> bool:
    """Whether nothing that is trained comes before, so that its inputs need no gradient."""
    read = map(traced_layers.source, _read(forward))
    return all(each.op.type == "Placeholder" for each in read)


def _read(forward: tuple[Any, ...]) -> list[Any]:
    own = {id(each) for each in forward}
    read = {
        id(given): given
        for each in forward
        for given in each.inputs
        if id(given.op) not in own and traced_layers.grows(given)
    }
    return list(read.values())
