"""Fine-tuning itself: what moves, what stays, what is refused."""

import numpy as np
import pytest

from tests.training.finetuning.conftest import network
from tftrain import callbacks, data, optim, training
from tftrain.errors import BadInput, FineTuningError, RunFolderError, UnknownName
from tftrain.keras_api import keras, tf
from tftrain.optim.layer_rates import LayerRates


def tune(source, train, **options):
    given = {"epochs": 1, "seed": 0, "verbose": 0, "engine": "keras", **options}
    return training.finetune(source, train, **given)


def weights(model):
    return {each.name: each.get_weights() for each in model.layers if each.weights}


def changed(before, after):
    return {
        name: [not np.array_equal(*pair) for pair in zip(before[name], after[name], strict=True)]
        for name in before
    }


def test_only_what_is_not_frozen_moves(model, high_digits):
    before = weights(model)
    moved = changed(before, weights(tune(model, high_digits, freeze=["first", "head"]).model))
    assert not any(moved["first"])
    assert not any(moved["head"])
    assert all(moved["second"])


@pytest.mark.parametrize(("freeze", "moves"), [("second", True), ("norm", False)])
def test_moving_statistics_of_a_frozen_normalization_stay(freeze, moves, model, high_digits):
    before = weights(model)
    gamma, beta, mean, variance = changed(
        before, weights(tune(model, high_digits, freeze=freeze).model)
    )["norm"]
    assert (gamma, beta, mean, variance) == (moves,) * 4


def test_a_frozen_normalization_uses_its_averages_while_training(model, high_digits):
    """With statistics of its batches the layers after it would see, and learn, something else."""
    model.get_layer("norm").moving_mean.assign(np.full(12, 100.0))
    tuned = tune(model, high_digits, freeze=["first", "norm"], learning_rate=1e-9)
    alone = tuned.model.evaluate(high_digits.x, high_digits.y, verbose=0)
    assert tuned.history.history["loss"][0] == pytest.approx(alone[0], rel=1e-3)


@pytest.mark.parametrize("engine", ["keras", "multi_step", "fused_epoch", "fused_epoch_xla"])
def test_every_engine_thaws(engine, model, high_digits, reference):
    tuned = tune(model, high_digits, engine=engine, shuffle=False, **GRADUAL)
    assert tuned.history.engine == engine
    for ours, theirs in zip(tuned.model.get_weights(), reference, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


GRADUAL = {
    "classes": 5,
    "freeze": -1,
    "unfreeze_schedule": {1: "*"},
    "layer_decay": 0.5,
    "learning_rate": 0.01,
    "epochs": 2,
}


@pytest.fixture(scope="module")
def reference(high_digits):
    """What a loop of our own makes of it: an optimizer a layer, made when the layer thaws."""
    keras.utils.set_random_seed(0)
    source = network()
    keras.utils.set_random_seed(0)
    model = training.finetuning.prepare(
        source, training.finetuning.Settings(classes=5, optimizer="sgd")
    ).model
    groups = {"head": 0.01, "second": 0.005, "first": 0.0025, "norm": 0.0025}
    optimizers = {name: keras.optimizers.Adam(rate) for name, rate in groups.items()}
    loss = keras.losses.SparseCategoricalCrossentropy()
    for names in (["head"], list(groups)):
        for layer in model.layers:
            layer.trainable = layer.name in names
        for x, y in _batches(high_digits):
            with tf.GradientTape() as tape:
                value = loss(y, model(x, training=True))
            layers = [model.get_layer(name) for name in names]
            slopes = tape.gradient(value, [layer.trainable_variables for layer in layers])
            for layer, slope in zip(layers, slopes, strict=True):
                optimizers[layer.name].apply(slope, layer.trainable_variables)
    return model.get_weights()


def _batches(examples):
    for begin in range(0, len(examples), 32):
        yield examples.x[begin : begin + 32], examples.y[begin : begin + 32]


def test_a_schedule_of_rates_goes_on_over_a_thaw(model, high_digits):
    rate = optim.schedule("cosine", 0.1, total_steps=14)
    options = {"freeze": -1, "unfreeze_schedule": {1: "*"}, "epochs": 2}
    tuned = tune(model, high_digits, optimizer=keras.optimizers.SGD(rate), **options)
    assert int(tuned.model.optimizer.iterations) == 14
    assert tuned.model.optimizer.begun[:2] == [7, 7]
    assert tuned.model.optimizer.begun[-2:] == [0, 0]


class Interruption(keras.callbacks.Callback):
    """Ends a training in its third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(high_digits, tmp_path):
    def run(folder, *more):
        keras.utils.set_random_seed(0)
        given = {"epochs": 3, "freeze": -1, "unfreeze_schedule": {1: "*"}}
        kept = callbacks.Checkpoint(folder, every_secs=None)
        return tune(network(), high_digits, callbacks=[*more, kept], **given).model.get_weights()

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", Interruption())
    for ours, theirs in zip(run(tmp_path / "cut"), whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_another_head_leaves_the_source_alone(model, high_digits):
    before = model.get_weights()
    tuned = tune(model, high_digits.take(high_digits.y < 3), classes=3)
    assert tuned.model.output_shape == (None, 3)
    assert tuned.model.get_layer("head").activation is keras.activations.softmax
    assert set(tuned.loading.skipped) == {"head/kernel", "head/bias"}
    assert tuned.model.loss == "sparse_categorical_crossentropy"
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_head_by_name_and_a_sigmoid_for_two_classes(high_digits):
    hidden = keras.layers.Dense(3, name="hidden")
    answer = keras.layers.Dense(1, activation="sigmoid", name="answer")
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), hidden, answer])
    two = high_digits.take(high_digits.y < 2)
    tuned = tune(model, two, classes=2, head="answer")
    assert tuned.model.output_shape == (None, 1)
    with pytest.raises(FineTuningError, match="one sigmoid, which tells between 2"):
        tune(model, high_digits, classes=5)


def test_a_model_that_was_not_compiled_gets_the_loss_of_its_head(high_digits):
    tuned = tune(network(compiled=False), high_digits)
    assert tuned.model.loss.name == "sparse_categorical_crossentropy"
    assert not tuned.model.loss.get_config()["from_logits"]
    assert {"accuracy", "loss"} <= tuned.history.history.keys()


def test_datasets_and_weights_from_elsewhere(model, high_digits):
    batches = tf.data.Dataset.from_tensor_slices((high_digits.x, high_digits.y)).batch(50)
    target = network(compiled=False)
    tuned = tune(target, batches, weights_from=model, freeze=-1, learning_rate=1e-9)
    assert tuned.model is target
    np.testing.assert_array_equal(
        target.get_layer("first").get_weights()[0], model.get_layer("first").get_weights()[0]
    )


def test_plain_settings_keep_the_plain_optimizer(model):
    def optimizer(**given):
        settings = training.finetuning.Settings(**given)
        return type(training.finetuning.prepare(model, settings).model.optimizer)

    assert optimizer(freeze=1) is keras.optimizers.Adam
    assert issubclass(optimizer(layer_decay=0.3), LayerRates)


def test_a_tuned_model_from_its_file_is_tuned_again(model, high_digits, tmp_path):
    tuned = tune(model, high_digits, freeze=1, layer_decay=0.3).model
    tuned.save(tmp_path / "model.keras")
    again = training.finetuning.prepare(
        tmp_path / "model.keras", training.finetuning.Settings(freeze=0)
    )
    assert len(again.stages[0].trained) == 4
    np.testing.assert_array_equal(again.model.get_weights()[0], tuned.get_weights()[0])


def test_an_application_with_its_backbone_frozen():
    backbone = keras.applications.MobileNet(
        input_shape=(32, 32, 3), alpha=0.25, include_top=False, weights=None, pooling="avg"
    )
    model = keras.Sequential([backbone, keras.layers.Dense(3, activation="softmax", name="head")])
    settings = training.finetuning.Settings(classes=4, freeze=backbone.name)
    prepared = training.finetuning.prepare(model, settings)
    assert [each.trained for each in prepared.stages] == [("head",)]
    assert len(prepared.model.trainable_variables) == 2
    before = backbone.get_weights()
    assert len(prepared.loading.loaded) == len(before)
    images = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    prepared.model.run_eagerly = True
    prepared.model.train_on_batch(images, np.array([0, 3]))
    for ours, theirs in zip(prepared.model.layers[0].get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("decay", [0, -0.5, 1.1, float("nan"), "half"])
def test_a_layer_decay_out_of_range_is_refused(decay, model, high_digits):
    with pytest.raises(FineTuningError, match=r"layer_decay is .*; expected more than 0 and at"):
        tune(model, high_digits, layer_decay=decay)


def test_classes_out_of_range_are_refused(model, high_digits):
    for classes, message in ((4, "train: labels from 0 to 4; expected 0 to 3"), (1, "2 or more")):
        with pytest.raises(FineTuningError, match=message):
            tune(model, high_digits, classes=classes)
    negative = data.Examples(high_digits.x, high_digits.y - 1)
    with pytest.raises(FineTuningError, match="labels from -1 to 3; expected 0 to 4"):
        tune(model, high_digits, validation=negative)


def test_everything_wrong_is_told_at_once_and_nothing_is_trained(model, high_digits):
    before = model.get_weights()
    with pytest.raises(FineTuningError) as refused:
        tune(
            model,
            data.Examples(high_digits.x[:, :4], high_digits.y + 7),
            head="hed",
            classes=6,
            freeze="frst",
            unfreeze_schedule={9: "*"},
            layer_decay=2.0,
            optimizer="adm",
            epochs=0,
        )
    told = "\n".join(refused.value.problems)
    for part in (
        "layer_decay is 2.0",
        "did you mean 'adam'",
        "epochs is 0",
        "no Dense layer is called 'hed'; did you mean 'head'?",
        "unfreeze_schedule names 9",
        "inputs have shape (4, 8, 1); the model expects (8, 8, 1)",
        "labels from 7 to 11; expected 0 to 5",
    ):
        assert part in told
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_run_without_a_model_is_refused(tmp_path, high_digits):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RunFolderError, match="has no finished model"):
        tune(tmp_path, high_digits)
    with pytest.raises(RunFolderError, match="does not exist"):
        tune(tmp_path / "nowhere", high_digits)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"engine": "fast"}, UnknownName, "unknown engine"),
        (
            {"optimizer": keras.optimizers.SGD(), "learning_rate": 0.1},
            FineTuningError,
            "give it to the optimizer",
        ),
        ({"learning_rate": -1.0}, BadInput, "learning"),
        ({"optimizer": None}, FineTuningError, "optimizer is None; expected a name or a Keras"),
        ({"epochs": 1.5}, FineTuningError, "epochs is 1.5; expected a whole number"),
        ({"unfreeze_schedule": [1]}, FineTuningError, r"unfreeze_schedule is \[1\]; expected"),
        ({"classes": "5"}, FineTuningError, "classes is '5'; expected a whole number"),
    ],
)
def test_settings_that_contradict(options, error, message, model, high_digits):
    with pytest.raises(error, match=message):
        tune(model, high_digits, **options)


def test_what_are_no_data_is_refused(model):
    with pytest.raises(FineTuningError, match="train is a str; expected Examples"):
        tune(model, "digits")


def test_a_model_that_cannot_be_copied_says_what_to_do(high_digits):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.flat, self.head = keras.layers.Flatten(), keras.layers.Dense(5, name="head")

        def call(self, x):
            return keras.ops.softmax(self.head(self.flat(x)))

    model = Own()
    model(high_digits.x[:1])
    with pytest.raises(FineTuningError, match="give the trained one as weights_from"):
        tune(model, high_digits, classes=5)
    model.compile("adam", "sparse_categorical_crossentropy")
    assert tune(model, high_digits).model is model
