"""Random gRPC requests: each gets an answer or a refusal that is the client's fault, in time."""

import asyncio
import threading

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serve.conftest import serving
from tests.serve.grpc_clients import Client, predict_request
from tests.serve.sample_versions import CLASSIFY, REGRESS, answer
from tftrain.keras_api import tf
from tftrain.serve import Batching
from tftrain.serve.grpc_front import GrpcFront
from tftrain.serve.stubs import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
    tensor_pb2,
)

ALLOWED = {  # an answer, or what is the client's fault
    "OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED",
    "PERMISSION_DENIED",
}  # fmt: skip
FUZZ = settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
SECONDS = 20


@pytest.fixture(scope="module")
def client(exported):
    """A client that blocks, of a server in a thread of its own."""
    ready, ports = threading.Event(), []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve():
        async with serving(exported, batching=Batching()) as core:
            front = GrpcFront(core, "127.0.0.1", 0)
            await front.start()
            ports.append(front.port)
            ready.set()
            await stop.wait()
            await front.close(5)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(60)
    with grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as channel:
        client = Client(channel)
        yield client
        x = np.ones((1, 2), np.float32)
        found = client.predictions.Predict(predict_request(inputs=x), timeout=SECONDS)
        np.testing.assert_array_equal(tf.make_ndarray(found.outputs["outputs"]), answer(x, 3))
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)
    loop.close()


def outcome(method, request):
    """OK, or the code of the refusal."""
    try:
        method(request, timeout=SECONDS)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


words = st.text(max_size=8)
int64 = st.integers(-(2**63), 2**63 - 1)
names = st.one_of(*[st.just("sample")] * 9, words)
signatures = st.one_of(
    st.sampled_from(
        ["", "two", "strings", "positive", "mean", "classify", "scores_only", "regress"]
    ),
    words,
)
dims = st.one_of(st.integers(0, 5), st.sampled_from([-1, -(2**63), 2**31, 2**62, 2**63 - 1]))


@st.composite
def shapes(draw):
    shape = tf.TensorShape(None).as_proto()
    shape.unknown_rank = draw(st.booleans()) and draw(st.booleans())
    for size in draw(st.lists(dims, max_size=4)):
        shape.dim.add(size=size, name=draw(words))
    return shape


@st.composite
def random_tensors(draw):
    proto = tensor_pb2.TensorProto(dtype=draw(st.integers(0, 32)), version_number=draw(dims) % 7)
    if draw(st.booleans()):
        proto.tensor_shape.CopyFrom(draw(shapes()))
    if draw(st.booleans()):
        proto.tensor_content = draw(st.binary(max_size=40))
    proto.float_val.extend(draw(st.lists(st.floats(width=32), max_size=6)))
    proto.int_val.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=6)))
    proto.int64_val.extend(draw(st.lists(int64, max_size=3)))
    proto.half_val.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3)))
    proto.string_val.extend(draw(st.lists(st.binary(max_size=5), max_size=6)))
    proto.bool_val.extend(draw(st.lists(st.booleans(), max_size=3)))
    return proto


@st.composite
def tensors_cut_short(draw):
    rows = draw(st.integers(0, 4))
    proto = tensor_pb2.TensorProto(dtype=1, tensor_content=bytes(8 * rows))
    proto.tensor_shape.dim.add(size=rows)
    proto.tensor_shape.dim.add(size=2)
    proto.tensor_content = proto.tensor_content[: draw(st.integers(0, 8 * rows))]
    return proto


good = st.builds(
    lambda rows, width: tf.make_tensor_proto(np.ones((rows, width), np.float32)),
    st.integers(0, 4), st.sampled_from([2, 2, 2, 1, 3]),
)  # fmt: skip
tensors = st.one_of(*[good] * 6, tensors_cut_short(), random_tensors())


@st.composite
def specs(draw, spec):
    spec.name, spec.signature_name = draw(names), draw(signatures)
    which = draw(st.integers(0, 19))
    if which == 0:
        spec.version.value = draw(st.one_of(st.just(3), int64))
    elif which == 1:
        spec.version_label = draw(words)
    return spec


@st.composite
def predictions(draw):
    request = predict_pb2.PredictRequest()
    draw(specs(request.model_spec))
    keys = ["a", "b"] if request.model_spec.signature_name == "two" else ["inputs"]
    if draw(st.integers(0, 3)) == 0:
        keys = draw(st.lists(st.one_of(st.sampled_from(["inputs", "a", "b"]), words), max_size=3))
    for key in keys:
        request.inputs[key].CopyFrom(draw(tensors))
    if draw(st.integers(0, 3)) == 0:
        outputs = st.one_of(st.sampled_from(["outputs", "sum"]), words)
        request.output_filter.extend(draw(st.lists(outputs, max_size=2)))
    return request


@FUZZ
@given(request=predictions())
def test_random_predictions(client, request):
    assert outcome(client.predictions.Predict, request) in ALLOWED


@FUZZ
@given(tensor=st.one_of(tensors_cut_short(), random_tensors(), good))
def test_random_tensors_for_a_signature_that_exists(client, tensor):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "sample"
    request.inputs["inputs"].CopyFrom(tensor)
    assert outcome(client.predictions.Predict, request) in ALLOWED


@st.composite
def inputs(draw, given):
    listed = given.example_list
    if draw(st.booleans()):
        listed = given.example_list_with_context
        listed.context.features.feature["x"].float_list.value.extend(draw(st.lists(st.floats())))
    for _ in range(draw(st.integers(0, 3))):
        feature = listed.examples.add().features.feature[draw(st.sampled_from(["x", "y"]))]
        kind = draw(st.sampled_from(["float_list", "int64_list", "bytes_list", None]))
        if kind == "bytes_list":
            feature.bytes_list.value.extend(draw(st.lists(st.binary(max_size=3), max_size=4)))
        elif kind:
            values = draw(st.lists(st.integers(-9, 9), min_size=0, max_size=4))
            getattr(feature, kind).value.extend(values)


@FUZZ
@given(data=st.data(), which=st.integers(0, 2))
def test_random_examples(client, data, which):
    service = client.predictions
    kind, method = (
        (classification_pb2.ClassificationRequest, service.Classify),
        (regression_pb2.RegressionRequest, service.Regress),
        (inference_pb2.MultiInferenceRequest, service.MultiInference),
    )[which]
    request = kind()
    data.draw(inputs(request.input))
    if which == 2:
        for _ in range(data.draw(st.integers(0, 2))):
            task = request.tasks.add(
                method_name=data.draw(st.one_of(st.sampled_from([CLASSIFY, REGRESS]), words))
            )
            data.draw(specs(task.model_spec))
    else:
        data.draw(specs(request.model_spec))
    assert outcome(method, request) in ALLOWED


@settings(FUZZ, max_examples=200)
@given(data=st.data(), which=st.integers(0, 2))
def test_random_questions_about_models(client, data, which):
    kind, method = (
        (get_model_metadata_pb2.GetModelMetadataRequest, client.predictions.GetModelMetadata),
        (get_model_status_pb2.GetModelStatusRequest, client.models.GetModelStatus),
        (model_management_pb2.ReloadConfigRequest, client.models.HandleReloadConfigRequest),
    )[which]
    request = kind()
    if which < 2 and data.draw(st.booleans()):
        data.draw(specs(request.model_spec))
    if which == 0:
        fields = st.one_of(st.just("signature_def"), words)
        request.metadata_field.extend(data.draw(st.lists(fields, max_size=2)))
    if which == 2:
        paths = st.one_of(st.just("/nowhere"), words)
        for _ in range(data.draw(st.integers(1, 2))):
            request.config.model_config_list.config.add(
                name=data.draw(names), base_path=data.draw(paths)
            )
    assert outcome(method, request) in ALLOWED
