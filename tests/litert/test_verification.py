"""A conversion that is healthy passes, one that is broken does not."""

import numpy as np
import pytest

from tests.litert import sample_models
from tftrain import litert
from tftrain.errors import ConversionFailed


class Altered:
    """A LiteRT model whose answers are changed."""

    def __init__(self, lite, change):
        self.predict = lambda x, batch_size=32: change(lite.predict(x, batch_size))


BREAKAGES = {
    "nan": lambda y: y * np.nan,
    "constant": lambda y: np.broadcast_to(y.mean(axis=0), y.shape),
    "zero": np.zeros_like,
    "classes exchanged": lambda y: np.roll(y, 1, axis=1),
    "examples exchanged": lambda y: np.roll(y, 1, axis=0),
    "another shape": lambda y: y[:, :-1],
}


@pytest.mark.parametrize("mode", [None, "dynamic", "float16", "int8"])
@pytest.mark.parametrize("breakage", BREAKAGES)
def test_broken_conversions_fail(breakage, mode, sample, lite):
    altered = Altered(lite("mlp"), BREAKAGES[breakage])
    examples = litert.example_inputs(sample("mlp"))
    with pytest.raises(ConversionFailed, match="of the LiteRT model"):
        litert.require_alike(sample("mlp"), altered, examples, mode)


def test_float32_is_held_to_five_digits(sample, lite):
    examples = litert.example_inputs(sample("mlp"))
    litert.require_alike(sample("mlp"), Altered(lite("mlp"), lambda y: y + 5e-6), examples)
    with pytest.raises(ConversionFailed, match="more than 1e-05"):
        litert.require_alike(sample("mlp"), Altered(lite("mlp"), lambda y: y + 5e-5), examples)


def test_another_model_of_the_same_shape_does_not_pass(lite):
    other = sample_models.mlp()
    with pytest.raises(ConversionFailed, match="does not follow the source"):
        litert.require_alike(other, lite("mlp", "int8"), litert.example_inputs(other), "int8")
