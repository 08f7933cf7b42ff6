import pytest

from tftrain import optim
from tftrain.errors import BadInput, UnknownName
from tftrain.keras_api import keras


@pytest.mark.parametrize("name", optim.names())
def test_a_name_gives_a_keras_optimizer_with_its_rate(name):
    optimizer = optim.optimizer(name, 0.25)
    assert isinstance(optimizer, keras.optimizers.Optimizer)
    assert float(optimizer.learning_rate) == 0.25


def test_no_rate_takes_the_optimizers_own():
    assert float(optim.optimizer("adam").learning_rate) == pytest.approx(0.001)


def test_options_reach_the_optimizer():
    assert optim.optimizer("sgd", 0.1, momentum=0.9).momentum == 0.9


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_rates_that_are_not_positive_are_refused(rate):
    with pytest.raises(BadInput, match="expected a positive number"):
        optim.optimizer("adam", rate)


def test_unknown_optimizer_suggests_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'adam'"):
        optim.optimizer("adm")
