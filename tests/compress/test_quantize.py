import numpy as np
import pytest

from tests.litert.modes_at_hand import MODES
from tftrain import compress, litert, models
from tftrain.errors import CompressionError, ConversionFailed, UnknownName
from tftrain.keras_api import keras


@pytest.fixture(scope="module")
def digits():
    from tftrain import data

    return data.load("digits")


@pytest.fixture(scope="module")
def trained(digits):
    keras.utils.set_random_seed(0)
    model = models.mlp((8, 8, 1), hidden=(64,))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(digits.train.x, digits.train.y, epochs=10, verbose=0)
    return model


def accuracy(model, examples):
    return float(np.mean(model.predict(examples.x).argmax(axis=1) == examples.y))


@pytest.mark.parametrize("mode", MODES)
def test_a_trained_model_keeps_its_accuracy(mode, trained, digits):
    lite = compress.quantize(trained, mode, representative=digits.train)
    _, dense = trained.evaluate(digits.test.x, digits.test.y, verbose=0)
    assert accuracy(lite, digits.test) >= dense - 0.02
    assert lite.size < 0.7 * litert.convert(trained).size


def test_dynamic_is_the_default_and_needs_no_data(trained):
    assert compress.quantize(trained).size == litert.convert(trained, "dynamic").size


@pytest.mark.parametrize("mode", [None, "int3", "float32"])
def test_other_modes_are_refused(mode, trained):
    with pytest.raises(UnknownName, match="quantization mode"):
        compress.quantize(trained, mode)


def test_int8_without_data_is_refused(trained):
    with pytest.raises(CompressionError, match="'int8' needs representative data"):
        compress.quantize(trained, "int8")


def test_data_of_another_shape_are_refused(trained):
    with pytest.raises(CompressionError, match=r"\(5, 8, 8\); expected \[N, 8, 8, 1\]"):
        compress.quantize(trained, "int8", representative=np.zeros((5, 8, 8)))


def test_a_range_that_the_data_do_not_show_is_noticed(trained, digits):
    """Calibrated on black images, the model answers all others alike."""
    lite = litert.convert(trained, "int8", np.zeros((5, 8, 8, 1)))
    examples = litert.example_inputs(trained, digits.test)
    with pytest.raises(ConversionFailed, match="does not follow the source"):
        litert.require_alike(trained, lite, examples, "int8")
