"""TF Serving's official stubs and TensorFlow's own messages, loaded on first use.

They are loaded after TensorFlow, which they would otherwise load with all its start-up messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tftrain.keras_api import LazyModule, tf

if TYPE_CHECKING:
    from tensorflow.core.framework import tensor_pb2
    from tensorflow.core.protobuf import config_pb2, error_codes_pb2
    from tensorflow_serving.apis import (
        classification_pb2,
        get_model_metadata_pb2,
        get_model_status_pb2,
        inference_pb2,
        model_management_pb2,
        model_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_log_pb2,
        prediction_service_pb2_grpc,
        regression_pb2,
    )
else:

    def _stub(name: str) -> LazyModule:
        return LazyModule(name, lambda: tf.version)

    tensor_pb2 = _stub("tensorflow.core.framework.tensor_pb2")
    config_pb2 = _stub("tensorflow.core.protobuf.config_pb2")
    error_codes_pb2 = _stub("tensorflow.core.protobuf.error_codes_pb2")
    classification_pb2 = _stub("tensorflow_serving.apis.classification_pb2")
    get_model_metadata_pb2 = _stub("tensorflow_serving.apis.get_model_metadata_pb2")
    get_model_status_pb2 = _stub("tensorflow_serving.apis.get_model_status_pb2")
    inference_pb2 = _stub("tensorflow_serving.apis.inference_pb2")
    model_management_pb2 = _stub("tensorflow_serving.apis.model_management_pb2")
    model_pb2 = _stub("tensorflow_serving.apis.model_pb2")
    model_service_pb2_grpc = _stub("tensorflow_serving.apis.model_service_pb2_grpc")
    predict_pb2 = _stub("tensorflow_serving.apis.predict_pb2")
    prediction_log_pb2 = _stub("tensorflow_serving.apis.prediction_log_pb2")
    prediction_service_pb2_grpc = _stub("tensorflow_serving.apis.prediction_service_pb2_grpc")
    regression_pb2 = _stub("tensorflow_serving.apis.regression_pb2")

__all__ = [
    "classification_pb2",
    "config_pb2",
    "error_codes_pb2",
    "get_model_metadata_pb2",
    "get_model_status_pb2",
    "inference_pb2",
    "model_management_pb2",
    "model_pb2",
    "model_service_pb2_grpc",
    "predict_pb2",
    "prediction_log_pb2",
    "prediction_service_pb2_grpc",
    "regression_pb2",
    "tensor_pb2",
]
