"""Which warm-up requests a model is found to refuse."""

import numpy as np
import pytest
from tensorflow_serving.apis import prediction_log_pb2

from tests.signature_methods import set_methods
from tftrain.keras_api import tf
from tftrain.without_keras import warmup_file, warmup_records
from tftrain.without_keras.loaded_model import LoadedModel

METHODS = {name: f"tensorflow/serving/{name}" for name in ("predict", "classify", "regress")}


class Served(tf.Module):
    """A signature a method: the last two take tf.Example."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="inputs")])
    def predict(self, inputs):
        return {"first": inputs[:, 0], "second": inputs[:, 1]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs):
        return {"scores": self.parsed(inputs), "classes": tf.as_string(self.parsed(inputs))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs):
        return {"outputs": self.parsed(inputs)[:, 0]}

    def parsed(self, inputs):
        features = {"x": tf.io.FixedLenFeature([2], tf.float32)}
        return tf.io.parse_example(inputs, features)["x"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    module, folder = Served(), tmp_path_factory.mktemp("served")
    signatures = {name: getattr(module, name) for name in METHODS}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    set_methods(folder, METHODS)
    (folder / "assets.extra").mkdir()
    return folder


@pytest.fixture(scope="module")
def model(folder):
    with LoadedModel(folder) as model:
        yield model


@pytest.fixture
def refusals(model, folder):
    """What is found about the records of a file."""

    def found(*records):
        with tf.io.TFRecordWriter(str(folder / warmup_file.FILE)) as writer:
            for record in records:
                writer.write(record.SerializeToString())
        return list(warmup_records.problems(model, folder))

    return found


def predicting(values, signature="predict", outputs=(), name="inputs"):
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    request.inputs[name].CopyFrom(tf.make_tensor_proto(np.float32(values)))
    request.output_filter.extend(outputs)
    return log


def of_examples(kind, signature, feature="x", count=2):
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, kind).request
    request.model_spec.signature_name = signature
    for _ in range(count):
        example = request.input.example_list.examples.add()
        example.features.feature[feature].float_list.value.extend([1.0, 2.0])
    return log


def test_requests_that_fit_are_not_refused(refusals):
    assert (
        refusals(
            predicting([[1, 2]]),
            predicting([[1, 2]], outputs=["second"]),
            of_examples("classify_log", "classify"),
            of_examples("regress_log", "regress", count=1),
        )
        == []
    )


def test_a_model_without_such_a_file_has_no_problem(model, tmp_path):
    assert list(warmup_records.problems(model, tmp_path)) == []


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (predicting([[1, 2, 3]]), "signature 'predict': ValueError: Cannot feed value of shape"),
        (predicting([[1, 2]], name="x"), "it takes 'inputs', and was given 'x'"),
        (predicting([[1, 2]], "bytes"), "signature 'bytes': there is none of that name"),
        (predicting([[1, 2]], outputs=["third"]), "it has no output 'third', only 'first'"),
        (of_examples("classify_log", "classify", "y"), "Feature: x (data type: float)"),
        (of_examples("classify_log", "regress"), "its method is tensorflow/serving/regress, and"),
        (of_examples("regress_log", ""), "signature 'serving_default': there is none of that name"),
        (prediction_log_pb2.PredictionLog(), "it is a None; expected predict_log, classify_log"),
    ],
)  # fmt: skip
def test_one_that_does_not_fit_is_told_by_its_number(record, said, refusals):
    (problem,) = refusals(predicting([[1, 2]]), record)
    assert problem.startswith("warm-up request 2 of 2 is refused: ")
    assert said in problem


def test_more_than_serving_takes_are_too_many(refusals):
    (problem,) = refusals(*[predicting([[1, 2]])] * 1001)
    assert problem.endswith("holds 1001 requests; TF Serving takes at most 1000")


def test_a_damaged_file_is_told(model, folder):
    (folder / warmup_file.FILE).write_bytes(b"\0" * 40)
    (problem,) = warmup_records.problems(model, folder)
    assert "tf_serving_warmup_requests cannot be read" in problem
