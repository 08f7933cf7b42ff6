"""The ways a model is run to answer, as calls that can be timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tftrain.compress.variants import Variant
from tftrain.keras_api import keras, tf
from tftrain.litert.invocation import invocation

PREDICT = "Keras predict"
COMPILED = "Keras compiled"
SIGNATURE = "SavedModel"
LITE = "LiteRT"

Bind = Callable[[Any], Callable[[], Any]]


def programs(variant: Variant, folder: Path) -> Iterator[tuple[str, Bind]]:
    """What runs a variant: names, and functions that make a call of a batch.

    A call takes NumPy and gives NumPy. `model.predict` is what most people call, though Keras
    means it for many batches; `tf.function(model)` is what Keras offers for one; the SavedModel
    is called by its signature, as TF Serving does; of LiteRT it is the interpreter alone.

    Args:
        variant: What to run.
        folder: Does not exist yet; the SavedModel is written there.
    """
    if variant.model is not None:
        yield PREDICT, _predict(variant.model)
        yield COMPILED, _compiled(variant.model)
        if len(variant.model.inputs) == 1:
            yield SIGNATURE, _signature(variant.model, folder)
    if variant.lite is not None:
        yield LITE, lambda x: invocation(variant.lite, x)


def _predict(model: keras.Model) -> Bind:
    return lambda x: lambda: model.predict(x, batch_size=len(tf.nest.flatten(x)[0]), verbose=0)


def _compiled(model: keras.Model) -> Bind:
    function = tf.function(lambda batch: model(batch, training=False))

    def bind(x: Any) -> Callable[[], Any]:
        # Traced here and for this shape, as a program of one batch size would; calling the
        # function with several shapes makes TensorFlow warn.
        concrete = function.get_concrete_function(tf.nest.map_structure(_specification, x))
        return lambda: _numpy(concrete(tf.nest.map_structure(tf.constant, x)))

    return bind


def _signature(model: keras.Model, folder: Path) -> Bind:
    model.export(folder, format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(folder)
    signature = loaded.signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]

    def bind(x: Any, kept: Any = loaded) -> Callable[[], Any]:  # a signature has no variables
        (array,) = tf.nest.flatten(x)
        return lambda: _numpy(signature(**{name: tf.constant(array)}))

    return bind


def _specification(array: Any) -> Any:
    return tf.TensorSpec(array.shape, array.dtype)


def _numpy(outputs: Any) -> Any:
    return tf.nest.map_structure(lambda tensor: tensor.numpy(), outputs)
