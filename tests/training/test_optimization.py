"""What settings make of the optimizer, the learning rate and the penalties."""

import pytest

import tftrain
from tftrain import optim
from tftrain.errors import BadInput, ConfigError
from tftrain.keras_api import keras
from tftrain.training import TrainConfig, make_strategy, optimization, prepare, resolve


def prepared(**settings):
    config = TrainConfig(**{"strategy": "one", "epochs": 2, **settings})
    return prepare(config, tftrain.data.load("digits"), make_strategy(config))


def test_settings_reach_the_optimizer():
    made = optimization.make_optimizer(
        TrainConfig(
            optimizer="sgd", learning_rate=0.5, momentum=0.8, weight_decay=0.1, accumulate=4,
            ema=0.5,
        ),
        steps_per_epoch=10,
    )  # fmt: skip
    assert float(made.learning_rate) == 0.5
    assert (made.momentum, made.weight_decay) == (0.8, 0.1)
    assert made.gradient_accumulation_steps == 4
    assert made.ema_momentum == pytest.approx(0.5**0.25)


def test_a_schedule_spans_the_whole_training():
    config = TrainConfig(learning_rate=0.1, schedule="linear", warmup="1 epoch", epochs=5)
    drawn = optimization.learning_rates(config, steps_per_epoch=10, points=50)
    assert drawn[0] == (0.0, pytest.approx(0.1 / 11))
    assert drawn[10] == (1.0, pytest.approx(0.1))
    assert drawn[30] == (3.0, pytest.approx(0.05))
    assert drawn[-1] == (4.9, pytest.approx(0.0025))


def test_a_constant_rate_stays_settable():
    made = optimization.make_optimizer(TrainConfig(learning_rate=0.1), steps_per_epoch=10)
    made.learning_rate = 0.2
    assert float(made.learning_rate) == pytest.approx(0.2)
    drawn = optimization.learning_rates(TrainConfig(learning_rate=0.1), 10, points=3)
    assert [rate for _, rate in drawn] == [0.1] * 3


def test_a_warm_up_counts_the_batches_of_the_data():
    with pytest.raises(BadInput, match="the warm-up of 500 steps is 500 steps, but the training"):
        prepared(warmup="500")


def test_penalties_and_dropout_reach_the_model():
    experiment = prepared(l2=0.1, dropout=0.7)
    assert len(experiment.model.losses) == 2
    rates = [layer.rate for layer in experiment.model.layers if hasattr(layer, "rate")]
    assert rates == [0.7]


def test_the_default_rate_is_recorded():
    assert prepared(optimizer="sgd").config.learning_rate == 0.01
    assert type(prepared().model.optimizer) is keras.optimizers.Adam


def test_a_warm_up_may_be_a_number_in_a_file():
    assert resolve({"warmup": 20}, {}).warmup == "20"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"momentum": 0.9}, "momentum is 0.9, but adam has none: choose one of"),
        ({"optimizer": "sgd", "momentum": -1.0}, "momentum is -1.0; expected at least 0"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
        ({"l1": -1.0}, "l1 is -1.0; expected 0 or a positive number"),
        ({"l2": float("inf")}, "l2 is inf"),
        ({"accumulate": 0}, "accumulate is 0"),
        ({"ema": 1.5}, "ema is 1.5"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'; did you mean 'cosine'?"),
        ({"warmup": "60 epochs"}, "the warm-up of 60 epochs is as long as the training of 50"),
        ({"warmup": "100%"}, "the warm-up of 100% is as long as"),
        ({"warmup": "soon"}, "length 'soon': expected steps"),
        ({"clip": "norm"}, "clip 'norm': expected value"),
        ({"clip": "norm:-1"}, "limit of clipping by norm is -1.0"),
        ({"dropout": 1.0}, "dropout is 1.0; expected at least 0 and less than 1"),
        ({"model": "linear", "dropout": 0.1}, "but linear has none; cnn, mlp, rnn have"),
        ({"learning_rate": -0.1}, "learning_rate is -0.1; expected a positive number"),
    ],
)
def test_a_wrong_setting_is_named_before_any_work(settings, message):
    with pytest.raises(ConfigError) as caught:
        resolve(settings, {})
    (problem,) = caught.value.problems
    assert message in problem


@pytest.mark.parametrize("name", optim.names())
def test_every_optimizer_has_a_default_rate(name):
    config = optimization.with_learning_rate(TrainConfig(optimizer=name))
    assert config.learning_rate > 0
