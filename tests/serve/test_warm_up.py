"""A version answers its warm-up records before it answers anyone else."""

import numpy as np
import pytest

from tests.serve.conftest import run, serving
from tests.serve.grpc_clients import predict_request
from tests.serve.sample_versions import CLASSIFY, example
from tftrain.errors import ServingError
from tftrain.keras_api import tf
from tftrain.serve import Target, warm_up
from tftrain.serve.loaded_version import LoadedVersion
from tftrain.serve.stubs import prediction_log_pb2
from tftrain.without_keras import warmup_file

X = np.ones((1, 2), np.float32)


def predict_log(signature="", **inputs):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(predict_request(signature, **inputs))
    return log


def example_log(kind, signature):
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, kind).request
    request.input.example_list.examples.append(tf.train.Example.FromString(example(1, 2, 3)))
    if kind == "multi_inference_log":
        task = request.tasks.add(method_name=CLASSIFY)
        task.model_spec.signature_name = signature
    else:
        request.model_spec.signature_name = signature
    return log


def write(folder, *logs):
    path = folder / warmup_file.FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())
    return path


@pytest.fixture
def version(base):
    loaded = LoadedVersion(base / "1")
    yield loaded
    loaded.close()


def test_every_kind_of_record_is_replayed(base, version):
    write(
        base / "1",
        predict_log(inputs=X),
        example_log("classify_log", "classify"),
        example_log("regress_log", "regress"),
        example_log("multi_inference_log", "classify"),
    )
    assert warm_up.replay(version, base / "1") == 4


def test_a_version_without_records_is_as_it_is(base, version):
    assert warm_up.replay(version, base / "1") == 0


def test_a_version_that_fails_its_records_is_not_served(base):
    write(base / "1", predict_log(inputs=X.astype(np.int64)))

    async def work():
        async with serving(base) as core:
            (status,) = core.statuses(Target("sample"))
            assert (status.state, status.error_code) == ("END", "INVALID_ARGUMENT")
            assert status.error_message == "Expects arg[0] to be float but int64 is provided"
            assert "version 1 cannot be loaded, waiting for one" in core.told[0]

    run(work())


def test_a_damaged_file_is_told_with_its_status(base):
    path = write(base / "1", predict_log(inputs=X))
    path.write_bytes(path.read_bytes()[:-3])

    async def work():
        async with serving(base) as core:
            (status,) = core.statuses(Target("sample"))
            assert (status.state, status.error_code) == ("END", "DATA_LOSS")

    run(work())


def test_no_more_records_are_taken_than_tf_serving_takes(base, version, monkeypatch):
    monkeypatch.setattr(warm_up, "MOST", 2)
    write(base / "1", *[predict_log(inputs=X)] * 3)
    with pytest.raises(ServingError, match="Number of warmup records exceeds the maximum"):
        warm_up.replay(version, base / "1")


def test_records_of_other_kinds_are_refused(base, version):
    log = prediction_log_pb2.PredictionLog()
    log.session_run_log.SetInParent()
    write(base / "1", log)
    with pytest.raises(ServingError, match="Unsupported log_type for warmup: session_run_log"):
        warm_up.replay(version, base / "1")
