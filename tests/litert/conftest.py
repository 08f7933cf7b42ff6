import functools

import pytest

from tests.litert import sample_models
from tftrain import litert
from tftrain.keras_api import keras


@functools.cache
def model_of(kind):
    keras.utils.set_random_seed(0)
    return sample_models.KERAS_3[kind]()


@functools.cache
def converted(kind, quantization):
    model = model_of(kind)
    examples = litert.example_inputs(model) if quantization == "int8" else None
    return litert.convert(model, quantization, examples)


@pytest.fixture
def sample():
    """A model by its kind, the same one each time."""
    return model_of


@pytest.fixture
def lite():
    """That model converted, by kind and mode."""
    return lambda kind, quantization=None: converted(kind, quantization)
