import numpy as np
import pytest

from tftrain import models
from tftrain.errors import UnknownName

SHAPES = [(8, 8), (8, 8, 1), (16, 12, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", models.names())
def test_answers_are_probabilities(name, shape):
    model = models.by_name(name, shape, classes=4)
    answers = np.asarray(model(np.ones((3, *shape), np.float32)))
    assert answers.shape == (3, 4)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)


def test_mlp_has_the_layers_asked_for():
    model = models.mlp((1000,), hidden=(128, 64), classes=10, dropout=0)
    assert model.count_params() == 1000 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10


def test_dropout_follows_every_hidden_layer():
    names = [layer.name for layer in models.mlp((4,), hidden=(3, 2), dropout=0.1).layers]
    assert names.count("dropout_1") == names.count("dropout_2") == 1


def test_rnn_reads_rows():
    assert models.rnn((16, 12, 3)).layers[0].output.shape == (None, 16, 36)


def test_unknown_model_lists_the_known():
    with pytest.raises(UnknownName, match=r"did you mean 'mlp'\? Known: cnn, linear, mlp, rnn"):
        models.by_name("mpl", (4,), classes=2)
