"""The networks that are served, by what a call of theirs costs, and what they are asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tftrain import export
from tftrain.keras_api import keras, tf

SHAPE = (28, 28)
NETWORKS = ("mlp", "wide", "lstm", "cnn")


def network(name: str) -> keras.Model:
    layers = keras.layers
    body = {
        "mlp": lambda: [layers.Flatten(), layers.Dense(128, activation="relu")],
        "wide": lambda: [
            layers.Flatten(), *(layers.Dense(2048, activation="relu") for _ in range(4)),
        ],
        "lstm": lambda: [layers.LSTM(128, return_sequences=True), layers.LSTM(128)],
        "cnn": lambda: [
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
        ],
    }[name]()  # fmt: skip
    return keras.Sequential([keras.Input(SHAPE), *body, layers.Dense(10, activation="softmax")])


def write(name: str, folder: Path) -> tuple[Path, Path]:
    """The base folder of its export, and its Keras file."""
    model = network(name)
    export.saved_model(model, folder / name, verify=False)
    file = folder / f"{name}.keras"
    model.save(file)
    return folder / name, file


def write_request(name: str, rows: int, folder: Path) -> dict[str, Path]:
    """Files of a request for so many rows, by protocol: pictures of bytes, as pixels have."""
    from tensorflow_serving.apis import predict_pb2

    random = np.random.default_rng(0)
    x = random.integers(0, 256, (rows, *SHAPE)).astype(np.float32) / 256
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.inputs["inputs"].CopyFrom(tf.make_tensor_proto(x))
    files = {kind: folder / f"{name}-{rows}.{kind}" for kind in ("rest", "grpc")}
    files["rest"].write_text(json.dumps({"instances": x.tolist()}))
    files["grpc"].write_bytes(request.SerializeToString())
    return files
