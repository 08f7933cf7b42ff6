"""A gRPC server on a real port, and what asks it."""

import contextlib

import grpc

from tests.serve.conftest import serving
from tftrain.keras_api import tf
from tftrain.serve.grpc_front import GrpcFront
from tftrain.serve.stubs import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


class Client:
    """Both services at an address."""

    def __init__(self, channel):
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)


@contextlib.asynccontextmanager
async def listening(base, **settings):
    """A core, its front, and a client."""
    async with serving(base, **settings) as core:
        front = GrpcFront(core, "127.0.0.1", 0)
        await front.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{front.port}") as channel:
                yield core, front, Client(channel)
        finally:
            await front.close(5)


def predict_request(signature="", name="sample", **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    for key, array in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(array))
    return request


async def refusal(asked):
    """Code and text of a call that fails."""
    try:
        await asked
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details()
    raise AssertionError("it was answered")
