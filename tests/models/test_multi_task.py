"""One trunk, several heads: losses that are weighed by hand or by their uncertainty."""

from pathlib import Path

import numpy as np
import pytest

import tftrain
from tests.launched_job import arrays
from tftrain import models
from tftrain.errors import BadInput, ConfigError
from tftrain.keras_api import keras, tf

JOB = Path(__file__).with_name("multi_task_job.py")
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(24, 6)).astype("float32")
KIND, SIZE = RANDOM.integers(0, 3, 24), 5 * RANDOM.normal(size=(24, 1)).astype("float32")
LABELS = {"kind": KIND, "size": SIZE}
WEIGHTS = {"kind": (np.arange(24) % 3 > 0).astype("float32"), "size": np.ones(24, np.float32)}
LOSSES = {"kind": "sparse_categorical_crossentropy", "size": "mse"}


def trunk():
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, "tanh", name="shared")])


def make(weights="uncertainty", optimizer="sgd", eager=True, **options):
    keras.utils.set_random_seed(3)
    heads = {"kind": 3, "size": keras.layers.Dense(1)}
    model = models.multi_task(trunk(), heads, weights=weights, **options)
    metrics = {"kind": ["accuracy"]}  # a few eager steps take less time than tracing them
    model.compile(optimizer, LOSSES, weighted_metrics=metrics, run_eagerly=eager)
    return model


def task_losses(model, weights=WEIGHTS):
    """The formula's two means over all examples, of weighted losses and of weights alone."""
    answers = model(X)
    each = {
        "kind": -tf.math.log(tf.gather(answers["kind"], KIND, axis=1, batch_dims=1)),
        "size": tf.reduce_mean((answers["size"] - SIZE) ** 2, axis=1),
    }
    return {
        task: (tf.reduce_mean(weights[task] * losses), np.mean(weights[task]))
        for task, losses in each.items()
    }


def test_a_trunk_gets_heads_with_the_tasks_names():
    model = make(weights=None)
    shapes = {task: answers.shape for task, answers in model.output.items()}
    assert shapes == {"kind": (None, 3), "size": (None, 1)}
    assert [layer.name for layer in model.layers if layer.name in ("shared", *LABELS)] == [
        "shared", "kind", "size",
    ]  # fmt: skip
    assert type(model) is type(keras.Model(model.input, model.output))


def test_a_number_of_classes_may_be_numpys():
    model = models.multi_task(trunk(), {"kind": KIND.max() + 1})
    assert model.output["kind"].shape == (None, 3)


def test_training_is_that_of_the_formula_written_out():
    kept = make(optimizer=keras.optimizers.SGD(0.05))
    model, logs = make(), tf.Variable([0.0, 0.0])
    model.set_weights(kept.get_weights())
    kept.fit(X, LABELS, sample_weight=WEIGHTS, batch_size=24, epochs=5, verbose=0)
    variables = [*model.trainable_variables[:-1]]
    for _ in range(5):
        with tf.GradientTape() as tape:
            total = sum(
                tf.exp(-logs[place]) * loss + logs[place] * labelled
                for place, (loss, labelled) in enumerate(task_losses(model).values())
            )
        given = [*(variable.value for variable in variables), logs]
        for variable, gradient in zip(given, tape.gradient(total, given), strict=True):
            variable.assign_sub(0.05 * gradient)
    for expected, variable in zip(variables, kept.trainable_variables, strict=False):
        np.testing.assert_allclose(variable.numpy(), expected.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(kept.weighting.log_variances.numpy(), logs.numpy(), rtol=1e-4)


def test_the_log_variance_ends_at_the_logarithm_of_the_loss_of_labelled_examples():
    model = make()
    for layer in model.layers:
        layer.trainable = False
    model.compile(keras.optimizers.SGD(0.9), LOSSES)
    batches = tf.data.Dataset.from_tensors((X, LABELS, WEIGHTS)).repeat()
    model.fit(batches, steps_per_epoch=100, shuffle=False, verbose=0)
    for task, (loss, labelled) in task_losses(model).items():
        weight = model.task_weights()[task]
        assert weight == pytest.approx(labelled / float(loss), rel=1e-3)


def test_a_weight_has_an_upper_bound():
    model = make(largest_weight=2.0, optimizer=keras.optimizers.SGD(5.0))
    y = {"kind": KIND, "size": np.asarray(model(X)["size"])}  # a task that is solved
    model.fit(X, y, batch_size=24, verbose=0)
    assert model.task_weights()["size"] == pytest.approx(2.0)


def test_a_batch_without_a_label_leaves_the_tasks_weight_alone():
    model = make()
    unlabelled = {"kind": np.zeros(24), "size": np.ones(24)}
    model.fit(X, LABELS, sample_weight=unlabelled, batch_size=24, verbose=0)
    weights = model.task_weights()
    assert weights["kind"] == 1
    assert weights["size"] != 1


def test_losses_are_shown_unweighted_and_weights_beside_them():
    model = make()
    model.weighting.log_variances.assign([1.0, -1.0])
    shown = model.evaluate(X, LABELS, sample_weight=WEIGHTS, verbose=0, return_dict=True)
    losses = task_losses(model)
    assert shown["kind_loss"] == pytest.approx(float(losses["kind"][0]), rel=1e-5)
    assert shown["size_loss"] == pytest.approx(float(losses["size"][0]), rel=1e-5)
    assert shown["kind_weight"] == pytest.approx(np.exp(-1))
    assert shown["size_weight"] == pytest.approx(np.exp(1))
    assert 0 < shown["kind_accuracy"] < 1


def test_a_fused_epoch_is_that_of_keras():
    histories = []
    for each in ("keras", "fused_epoch_xla"):
        model = make(optimizer="adam", eager=False)
        call = {"sample_weight": WEIGHTS, "batch_size": 8, "epochs": 2, "verbose": 0, "seed": 1}
        histories.append(tftrain.fit(model, X, LABELS, engine=each, **call).history)
    expected, received = histories
    assert received.keys() == expected.keys() >= {"kind_weight", "size_weight"}
    for name, values in expected.items():
        np.testing.assert_allclose(received[name], values, rtol=1e-4, err_msg=name)


def test_a_file_holds_the_weights(tmp_path):
    model = make(optimizer="adam", largest_weight=7.0)
    model.fit(X, LABELS, batch_size=24, verbose=0)
    model.save(tmp_path / "model.keras")
    models.register()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.task_weights() == model.task_weights()
    assert loaded.largest_weight == 7.0
    assert int(loaded.optimizer.iterations) == 1
    for one, other in zip(loaded.variables, model.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    for task, shown in loaded.evaluate(X, LABELS, verbose=0, return_dict=True).items():
        if task.endswith("_weight"):
            assert shown == pytest.approx(loaded.task_weights()[task.removesuffix("_weight")])


def test_a_training_goes_on_from_its_checkpoint(tmp_path):
    def fit(folder, epochs):
        model = make(optimizer="adam")
        kept = [tftrain.callbacks.Checkpoint(tmp_path / folder)]
        call = {"epochs": epochs, "engine": "keras", "verbose": 0, "seed": 5, "callbacks": kept}
        tftrain.fit(model, X, LABELS, **call)
        return model

    fit("stopped", 1)
    resumed, whole = fit("stopped", 2), fit("whole", 2)
    assert resumed.task_weights() == whole.task_weights()
    for one, other in zip(resumed.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_an_export_has_an_output_for_each_task(tmp_path):
    model = make()
    version = tftrain.export.saved_model(model, tmp_path / "export")
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    (name,) = served.structured_input_signature[1]
    answers = served(**{name: tf.constant(X)})
    assert set(answers) == {"kind", "size"}
    np.testing.assert_allclose(answers["size"], model(X)["size"], rtol=1e-5, atol=1e-6)


def test_learned_weights_for_a_model_of_ones_own_share_its_layers():
    taken = keras.Input((6,))
    plain = keras.Model(taken, {task: keras.layers.Dense(1)(taken) for task in "ab"})
    learning = models.learn_task_weights(plain)
    learning.compile("sgd", "mse", run_eagerly=True)
    before = plain.get_weights()[0].copy()
    learning.fit(X, {"a": SIZE, "b": SIZE}, verbose=0)
    assert not np.array_equal(plain.get_weights()[0], before)


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    return arrays(JOB, tmp_path_factory.mktemp("replicas"))


@pytest.mark.parametrize("case", ["labels missing", "a class ignored"])
def test_two_replicas_equal_one(replicas, case):
    names = [key.partition("/")[2] for key in replicas if key.startswith(f"one/{case}/")]
    assert len(names) > 10
    for name in names:
        one, two = replicas[f"one/{name}"], replicas[f"mirrored/{name}"]
        np.testing.assert_allclose(two, one, rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize(
    ("heads", "said"),
    [
        ({}, "heads is an empty dict; expected a dict with a head for each task"),
        ([3, 1], "heads is a list; expected a dict"),
        ({"kind": 1}, "head of 'kind': 1 classes; expected 2 or more"),
        ({"kind": "softmax"}, "head of 'kind': a str; expected a number or a layer"),
        ({"kind": True}, "a bool"),
        ({"a/b": 3}, "a task is called 'a/b'"),
    ],
)
def test_heads_that_cannot_be_used(heads, said):
    with pytest.raises(ConfigError, match=said):
        models.multi_task(trunk(), heads)


def test_trunks_that_cannot_be_used():
    with pytest.raises(ConfigError, match=r"begins with keras\.Input"):
        models.multi_task(keras.Sequential([keras.layers.Dense(2)]), {"kind": 3})
    with pytest.raises(ConfigError, match="has 2 outputs; expected one"):
        models.multi_task(make(weights=None), {"kind": 3})


def test_weights_that_cannot_be_learned():
    with pytest.raises(BadInput, match="expected None or 'uncertainty'"):
        make(weights={"kind": 1.0})
    with pytest.raises(BadInput, match=r"largest_weight is 0\.5; expected at least 1"):
        make(largest_weight=0.5)
    with pytest.raises(BadInput, match="does not give a dict of outputs by task"):
        models.learn_task_weights(trunk())


@pytest.mark.parametrize(
    ("labels", "compiled", "said"),
    [
        ({"kind": KIND}, {"loss": LOSSES}, r"labels: received \['kind'\]"),
        ([KIND, SIZE], {"loss": LOSSES}, "labels: received (list|tuple), expected a dict"),
        (LABELS, {"loss": {"kind": "mse"}}, r"losses: received \['kind'\]"),
        (LABELS, {"loss": LOSSES, "loss_weights": {"kind": 1, "size": 2}}, "without loss_weights"),
    ],
)
def test_what_does_not_name_the_tasks_is_refused(labels, compiled, said):
    model = make()
    model.compile("sgd", run_eagerly=True, **compiled)
    with pytest.raises(BadInput, match=said):
        model.evaluate(X, labels, verbose=0)
