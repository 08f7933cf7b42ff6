"""Warm-up requests: what TensorFlow Serving finds in a version, and replays."""

import types

import numpy as np
import pytest

from tftrain import export
from tftrain.errors import ExportError
from tftrain.export import warm_up
from tftrain.keras_api import tf
from tftrain.without_keras import warmup_file

RAW = np.arange(200, dtype="float64").reshape(100, 2) / 100


def read(folder):
    from tensorflow_serving.apis import prediction_log_pb2

    return list(map(prediction_log_pb2.PredictionLog.FromString, warmup_file.records(folder)))


def sizes(log):
    kind = log.WhichOneof("log_type")
    request = getattr(log, kind).request
    if kind != "predict_log":
        return len(request.input.example_list.examples)
    return {tensor.tensor_shape.dim[0].size for tensor in request.inputs.values()}.pop()


def test_every_signature_is_called_with_every_batch_size(picture_export):
    logs = read(picture_export)
    called = set()
    for log in logs:
        kind = log.WhichOneof("log_type")
        spec = getattr(log, kind).request.model_spec
        called.add((spec.name, spec.signature_name, kind))
    assert called == {
        ("animals", "serving_default", "predict_log"),
        ("animals", "bytes", "predict_log"),
        ("animals", "classify", "classify_log"),
    }
    assert [sizes(log) for log in logs] == [size for size in (1, 2, 4, 8, 16, 32) for _ in range(3)]


@pytest.mark.parametrize(
    "given",
    [
        RAW,
        (RAW, np.zeros(100)),
        [RAW],
        types.SimpleNamespace(x=RAW),
        tf.data.Dataset.from_tensor_slices(RAW).batch(7),
        tf.data.Dataset.from_tensor_slices((RAW, RAW)).batch(7),
    ],
    ids=["array", "x_y", "list", "with_x", "dataset", "dataset_x_y"],
)
def test_examples_are_taken_in_any_form(given, tmp_path, small_model):
    folder = export.saved_model(small_model, tmp_path, warmup=given, signatures=[], verify=False)
    last = read(folder)[-1].predict_log.request.inputs["inputs"]
    np.testing.assert_array_equal(tf.make_ndarray(last), RAW[:32].astype("float32"))


def test_few_examples_are_repeated(tmp_path, small_model):
    folder = export.saved_model(small_model, tmp_path, warmup=RAW[:3], signatures=[], verify=False)
    last = read(folder)[-1].predict_log.request.inputs["inputs"]
    np.testing.assert_array_equal(tf.make_ndarray(last)[:7], RAW[[0, 1, 2, 0, 1, 2, 0]].astype("f"))


def test_batches_are_as_large_as_the_batching_file_allows(tmp_path, small_model):
    (tmp_path / "batching.config").write_text("max_batch_size { value: 48 }")
    folder = export.saved_model(small_model, tmp_path, signatures=[], verify=False)
    assert [sizes(log) for log in read(folder)] == [1, 2, 4, 8, 16, 32, 48]


def test_a_server_is_not_sent_more_than_it_takes(tmp_path, small_model, monkeypatch):
    monkeypatch.setattr(warm_up, "MOST", 7)
    folder = export.saved_model(small_model, tmp_path, verify=False)
    assert [sizes(log) for log in read(folder)] == [1, 1, 2, 2, 4, 4]


def test_large_inputs_are_not_repeated_without_bound(tmp_path, small_model, monkeypatch):
    monkeypatch.setattr(warm_up, "_BYTES", 100)  # rows have 8
    folder = export.saved_model(small_model, tmp_path, signatures=[], verify=False)
    assert [sizes(log) for log in read(folder)] == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((4, 7)), r"have shape \(4, 7\); expected \[N, 2\]: give raw inputs"),
        (np.zeros((0, 2)), "hold no example"),
        (np.full((4, 2), np.nan), "hold NaN"),
        (np.full((4, 2), "a"), "are <U1; expected float32"),
        (tf.data.Dataset.from_tensor_slices(RAW).take(0).batch(2), "dataset is empty"),
        ({"other": RAW}, "a dict of 'other'; expected 'inputs'"),
    ],
    ids=["shape", "none", "nan", "texts", "empty", "names"],
)
def test_examples_that_do_not_fit_are_refused(given, said, tmp_path, small_model):
    with pytest.raises(ExportError, match=f"warmup .*{said}"):
        export.saved_model(small_model, tmp_path / "base", warmup=given)
    assert not (tmp_path / "base").exists()
