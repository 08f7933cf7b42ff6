"""How models are called: by names that do not depend on what else was made before."""

import numpy as np
import pytest

from tests.litert import sample_models
from tftrain import model_signature
from tftrain.compress.tf_keras_api import tf_keras
from tftrain.errors import BadInput
from tftrain.keras_api import keras, tf


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs"),
    [
        ("mlp", "inputs", "outputs"),
        ("two_inputs", {"list": ["zebra", "ant"]}, "outputs"),
        ("dicts", {"dict": {"left": "left", "right": "right"}},
         {"dict": {"down": "down", "up": "up"}}),
        ("two_outputs", "inputs", {"list": ["z", "a"]}),
    ],
)  # fmt: skip
def test_tensors_are_named(kind, inputs, outputs):
    signature = model_signature.read(sample_models.KERAS_3[kind]())
    assert (signature.inputs, signature.outputs) == (inputs, outputs)


@pytest.mark.parametrize("kind", ["two_inputs", "dicts", "two_outputs", "subclassed"])
def test_a_call_by_names_is_a_call_of_the_model(kind):
    model = sample_models.KERAS_3[kind]()
    signature = model_signature.read(model)
    random = np.random.default_rng(0)
    given = {
        name: random.normal(size=(2, *tensor.shape[1:])).astype("float32")
        for name, tensor in signature.tensors.items()
    }
    nested = {"two_inputs": lambda: list(given.values()), "dicts": lambda: given}
    expected = model(nested.get(kind, lambda: given["inputs"])())
    found = signature.call({name: tf.constant(array) for name, array in given.items()})
    for one, other in zip(tf.nest.flatten(expected), found.values(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_texts_are_told_as_such():
    lookup = keras.layers.StringLookup(vocabulary=["a"])
    inputs = keras.Input((1,), dtype="string")
    signature = model_signature.read(keras.Model(inputs, lookup(inputs)))
    assert signature.tensors["inputs"] == model_signature.Tensor((None, 1), "string")
    assert signature.call({"inputs": tf.constant([["a"]])})["outputs"].numpy().tolist() == [[1]]


def test_floats_are_answered_in_single_precision():
    signature = model_signature.read(sample_models.mixed_bfloat16())
    assert signature.call({"inputs": tf.ones((1, 6))})["outputs"].dtype == tf.float32


def subclassed_of_tf_keras():
    class Model(tf_keras.Model):
        def call(self, inputs):
            return inputs

    model = Model()
    model(tf.ones((1, 2)))
    return model


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: "model.keras", "expected a model of Keras 3 or tf_keras; received a str"),
        (lambda: keras.Sequential([keras.layers.Dense(1)]), "is not built"),
        (subclassed_of_tf_keras, "make it a Functional model"),
    ],
)
def test_what_cannot_be_called_by_names_is_refused(make, said):
    with pytest.raises(BadInput, match=said):
        model_signature.read(make())
