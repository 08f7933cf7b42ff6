"""What verification lets pass, and what it does not."""

import numpy as np
import pytest

from tests import companion_worker
from tftrain import models
from tftrain.companion_process import Companion
from tftrain.errors import VerificationFailed
from tftrain.export import verification
from tftrain.export.verification import Case, verify
from tftrain.keras_api import keras, tf

SERVING = "serving_default"
X = np.random.default_rng(0).random((3, 4), dtype="float32")
SIZES = (1, 3, 0)


@pytest.fixture(scope="module", autouse=True)
def process():
    verification.warm_up()


@pytest.fixture(scope="module")
def model():
    return models.mlp((4,), classes=3)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "1"
    write(model, folder, [tf.TensorSpec((None, 4), "float32", name="inputs")])
    return folder


def write(model, folder, inputs, name="outputs"):
    archive = keras.export.ExportArchive()
    archive.track(model)
    serve = lambda x: {name: tf.cast(model(x, training=False), "float32")}  # noqa: E731
    archive.add_endpoint(SERVING, serve, input_signature=inputs)
    archive.write_out(folder, verbose=False)


def cases_of(model, x=X, name="outputs"):
    @tf.function(autograph=False, reduce_retracing=True)  # Keras's LSTM refuses no rows outside
    def answers(x):
        return tf.cast(model(x, training=False), "float32")

    return [Case(SERVING, {"inputs": x[:n]}, {name: answers(x[:n]).numpy()}) for n in SIZES]


def differences(folder, cases):
    with pytest.raises(VerificationFailed) as failed:
        verify(folder, cases)
    return list(failed.value.differences)


def test_a_faithful_export_passes(model, folder):
    verify(folder, cases_of(model))


def recurrent():
    return keras.Sequential([keras.Input((4, 1)), keras.layers.LSTM(3), keras.layers.Dense(2)])


def half_precision():
    return keras.Sequential(
        [keras.Input((4,)), *(keras.layers.Dense(5, dtype="mixed_bfloat16") for _ in range(2))]
    )


@pytest.mark.parametrize("make", [recurrent, half_precision], ids=lambda make: make.__name__)
def test_models_of_other_kinds_pass(make, tmp_path):
    model = make()
    x = X.reshape(3, *model.input_shape[1:])
    spec = tf.TensorSpec((None, *x.shape[1:]), "float32", name="inputs")
    write(model, tmp_path / "1", [spec])
    verify(tmp_path / "1", cases_of(model, x))


def test_texts_pass(tmp_path):
    words = keras.layers.StringLookup(vocabulary=["a", "ö"])
    model = keras.Sequential([keras.Input((2,), dtype="string"), words])
    write(model, tmp_path / "1", [tf.TensorSpec((None, 2), "string", name="inputs")])
    verify(tmp_path / "1", cases_of(model, np.array([["a", "b"], ["ö", "a"]], object)))


def test_what_serving_cannot_run_fails(model, tmp_path):
    tf.saved_model.save(model, str(tmp_path))
    (first, *_) = differences(tmp_path, cases_of(model, name="output_0"))
    assert first.startswith("signature 'serving_default', batch of 1: FailedPreconditionError: ")
    assert "Could not find variable" in first


def test_other_weights_fail_and_the_largest_difference_is_told(model, folder):
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    other.layers[-1].bias.assign([0.0, 0.0, 2.0])
    one, three = differences(folder, cases_of(other))  # a batch of 0 has no difference
    assert one.startswith("signature 'serving_default', batch of 1, output 'outputs': differs by")
    assert "batch of 3" in three
    assert "(allowed 1e-05): expected 0." in three


def test_an_output_too_few_or_too_many_fails(model, folder):
    found = differences(folder, cases_of(model, name="scores")[:1])
    assert [line.partition(", output ")[2] for line in found] == [
        "'outputs': is not expected", "'scores': is missing",
    ]  # fmt: skip


def test_a_signature_without_a_case_fails(folder):
    assert differences(folder, []) == [
        "signature 'serving_default' is not verified: no case calls it"
    ]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"x": X}, "it takes 'inputs', and was given 'x'"),
        ({"inputs": X.astype("float64")}, "its input 'inputs' is float32, and was given float64"),
        ({"inputs": X[:, :2]}, "Cannot feed value of shape (3, 2)"),
    ],
)
def test_a_call_that_does_not_fit_fails(inputs, said, folder):
    assert said in differences(folder, [Case(SERVING, inputs, {})])[0]


def test_another_signature_fails(folder, model):
    (call,) = cases_of(model)[:1]
    found = differences(folder, [Case("bytes", call.inputs, call.outputs)])
    assert "there is none of that name, only 'serving_default'" in found[-1]


def test_what_is_no_saved_model_fails(tmp_path):
    assert differences(tmp_path, [])[0].startswith("it cannot be loaded: OSError")


class InPython(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 4], name="inputs")])
    def serve(self, inputs):
        return {"outputs": tf.numpy_function(lambda x: x, [inputs], tf.float32)}


def test_an_operation_that_needs_python_fails(tmp_path):
    module = InPython()
    tf.saved_model.save(module, str(tmp_path), signatures=module.serve)
    found = differences(tmp_path, [Case(SERVING, {"inputs": X}, {"outputs": X})])
    assert "its graph holds PyFunc, which calls Python" in found[0]
    assert "Could not find callback" in found[1]


def test_a_crash_of_the_process_fails(model, folder, monkeypatch):
    monkeypatch.setattr(verification, "_companion", Companion(companion_worker.__name__))
    with pytest.raises(VerificationFailed, match="the process that called it was ended by SIGABRT"):
        verify(folder, cases_of(model))


def test_the_process_starts_while_others_work(python):
    done = python(
        "import time\n"
        "from tftrain.export import verification\n"
        "start = time.monotonic()\n"
        "verification.warm_up()\n"
        "print(time.monotonic() - start)"
    )
    assert float(done.stdout) < 0.5, done.stderr
