import numpy as np
import pytest

from tftrain import optim
from tftrain.callbacks import LearningRateDecay
from tftrain.errors import BadInput, CallbackError
from tftrain.keras_api import keras

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2)
Y = X.sum(axis=1, keepdims=True)


class Rates(keras.callbacks.Callback):
    """Notes the rate of every step."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


def compiled(rate=0.1, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optim.optimizer("sgd", rate), "mse", **options)
    return model


def fit(model, *callbacks, epochs=2, first=0, **options):
    rates = Rates()
    history = model.fit(
        X, Y, batch_size=4, epochs=epochs, initial_epoch=first, shuffle=False, verbose=0,
        callbacks=[*callbacks, rates], **options,
    ).history  # fmt: skip
    return rates.seen, history


def test_a_schedule_per_step_is_the_optimizer_s():
    schedule = optim.schedule("cosine", 0.2, total_steps=6, warmup=2)
    model, reference = compiled(), compiled(schedule)
    seen, history = fit(model, LearningRateDecay(schedule))
    fit(reference)
    assert seen == pytest.approx([float(schedule(step)) for step in range(6)])
    assert history["learning_rate"] == pytest.approx([seen[2], seen[5]])
    np.testing.assert_allclose(model.get_weights()[0], reference.get_weights()[0], rtol=1e-5)


def test_a_function_per_epoch():
    seen, history = fit(compiled(), LearningRateDecay(lambda epoch: 0.1 / (epoch + 1), per="epoch"))
    assert seen == pytest.approx([0.1] * 3 + [0.05] * 3)
    assert history["learning_rate"] == pytest.approx([0.1, 0.05])


def test_a_later_fit_goes_on_where_the_schedule_was():
    schedule, model = optim.schedule("linear", 0.1, total_steps=12), compiled()
    fit(model, LearningRateDecay(schedule))
    seen, _ = fit(model, LearningRateDecay(schedule), first=2, epochs=4)
    assert seen == pytest.approx([float(schedule(step)) for step in range(6, 12)])


def test_a_plateau_lowers_the_rate():
    flat = LearningRateDecay.on_plateau("loss", factor=0.5, patience=1, min_delta=1e9)
    _, history = fit(compiled(), flat, epochs=4)
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.05, 0.025])


@pytest.mark.parametrize(
    "callback",
    [LearningRateDecay(lambda step: 0.1), LearningRateDecay.on_plateau("loss")],
)
def test_a_schedule_in_the_optimizer_contradicts(callback):
    model = compiled(optim.schedule("cosine", 0.2, total_steps=6))
    with pytest.raises(CallbackError, match=r"follows a schedule .CosineDecay.: compile with"):
        fit(model, callback)


def test_steps_within_an_execution_cannot_be_reached():
    model = compiled(steps_per_execution=3)
    with pytest.raises(CallbackError, match="cannot act within steps_per_execution=3"):
        fit(model, LearningRateDecay(lambda step: 0.1))
    seen, _ = fit(model, LearningRateDecay(lambda epoch: 0.3, per="epoch"))
    assert seen == pytest.approx([0.3, 0.3])


def test_an_unknown_metric_is_an_error():
    with pytest.raises(CallbackError, match="monitors 'val_loss', but there is only loss"):
        fit(compiled(), LearningRateDecay.on_plateau())


@pytest.mark.parametrize(
    "make",
    [
        lambda: LearningRateDecay(lambda step: 0.1, per="batch"),
        lambda: LearningRateDecay(lambda step: -0.1).rate(0),
        lambda: LearningRateDecay(lambda step: float("nan")).rate(0),
        lambda: LearningRateDecay.on_plateau(factor=1.0),
        lambda: LearningRateDecay.on_plateau(patience=0),
    ],
)
def test_impossible_arguments_are_refused(make):
    with pytest.raises(BadInput):
        make()
