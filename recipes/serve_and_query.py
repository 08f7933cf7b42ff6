"""A model behind a server, asked over REST and over gRPC: the same answers.

    python recipes/serve_and_query.py --dataset=digits           # trains, exports, serves, asks
    python recipes/serve_and_query.py --base=exports/digits      # serves what is there, and asks
    python recipes/serve_and_query.py --rest=HOST:8501 --grpc=HOST:8500  # asks a server that runs
    python recipes/serve_and_query.py --dataset=mnist --data_dir=DIR     # DIR holds mnist.npz

It needs `pip install 'tftrain[serving]' requests`. `ask_rest` and `ask_grpc` know nothing of
tftrain: they ask TensorFlow Serving's official server likewise.

Time: about 20 seconds on two cores.
Expected: test accuracy about 0.97 over either protocol; answers that differ by less than 1e-6.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import requests
from absl import flags

import tftrain
from tftrain.keras_api import keras, tf  # without TensorFlow's start-up messages

DATASET = flags.DEFINE_enum("dataset", "digits", ["digits", "mnist"], "what to train on and ask")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 30, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/serve_and_query", "folder for model and export")
SEED = flags.DEFINE_integer("seed", 0, "of weights, order and dropout", lower_bound=0)
BASE = flags.DEFINE_string("base", None, "a folder of versions to serve, instead of training")
REST = flags.DEFINE_string("rest", None, "host:port of a server that runs")
GRPC = flags.DEFINE_string("grpc", None, "host:port of the same server, for gRPC")
NAME = flags.DEFINE_string("name", None, "of the model there (default: the dataset's)")
flags.register_multi_flags_validator(
    ["rest", "grpc"],
    lambda given: (given["rest"] is None) == (given["grpc"] is None),
    "--rest and --grpc go together",
)

SECONDS = 60  # that an answer may take
SHOWN = 8


def train(splits: tftrain.data.Splits) -> keras.Model:
    model = tftrain.models.mlp(splits.info.shape, hidden=(128,), classes=splits.info.classes)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    tftrain.fit(model, splits.train, epochs=EPOCHS.value, verbose=0)
    return model


@contextlib.contextmanager
def server(base: Path, name: str) -> Iterator[dict[str, str]]:
    """Serves a folder of versions in a process of its own; gives host:port by protocol."""
    command = [sys.executable, "-m", "tftrain", "serve", str(base)]
    command += [f"--name={name}", "--port=0", "--grpc_port=0"]  # 0: ports that are free
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield addresses(process)
        finally:
            process.terminate()  # it finishes what is in flight


def addresses(process: subprocess.Popen) -> dict[str, str]:
    """What the server prints once it listens: `REST  http://HOST:PORT/...`, `gRPC  HOST:PORT`."""
    found = {}
    for line in process.stdout:
        protocol, address = line.split()[:2]
        found[protocol] = address.removeprefix("http://").partition("/")[0]
        if {"REST", "gRPC"} <= found.keys():
            return found
    raise tftrain.errors.TftrainError("the server ended before it answered; it said why")


def input_dtype(address: str, name: str) -> str:
    """What the model takes for a picture: "DT_FLOAT" or "DT_UINT8"."""
    answer = requests.get(f"http://{address}/v1/models/{name}/metadata", timeout=SECONDS)
    answer.raise_for_status()
    signatures = answer.json()["metadata"]["signature_def"]["signature_def"]
    return signatures["serving_default"]["inputs"]["inputs"]["dtype"]


def ask_rest(address: str, name: str, images: np.ndarray) -> np.ndarray:
    """Probabilities `[B, classes]` for pictures `[B, H, W, C]`."""
    url = f"http://{address}/v1/models/{name}:predict"
    answer = requests.post(url, json={"inputs": images.tolist()}, timeout=SECONDS)
    if not answer.ok:
        raise tftrain.errors.TftrainError(f"{url}: {answer.status_code}: {answer.json()['error']}")
    outputs = answer.json()["outputs"]  # by name, if there are several
    return np.array(outputs["outputs"] if isinstance(outputs, dict) else outputs, np.float32)


def ask_grpc(address: str, name: str, images: np.ndarray) -> np.ndarray:
    """The same over the other protocol."""
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.inputs["inputs"].CopyFrom(tf.make_tensor_proto(images))
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(request, timeout=SECONDS)
    return tf.make_ndarray(answer.outputs["outputs"])


def compare(rest: str, grpc: str, name: str, test: tftrain.data.Examples) -> dict[str, float]:
    """Prints what both protocols answer, side by side; how well, and how far they are apart."""
    is_integer = input_dtype(rest, name) == "DT_UINT8"
    images = np.round(test.x * 255).astype(np.uint8) if is_integer else test.x
    batches = [images[start : start + 256] for start in range(0, len(images), 256)]
    by_rest = np.concatenate([ask_rest(rest, name, batch) for batch in batches])
    by_grpc = np.concatenate([ask_grpc(grpc, name, batch) for batch in batches])
    print(f"{'true':>4}  {'REST':<14}{'gRPC'}")
    for true, one, other in zip(test.y[:SHOWN], by_rest, by_grpc, strict=False):
        cells = [f"{answer.argmax()} ({answer.max():.4f})" for answer in (one, other)]
        print(f"{true:>4}  {cells[0]:<14}{cells[1]}")
    difference = np.abs(by_rest - by_grpc).max()
    accuracy = np.mean(by_rest.argmax(axis=1) == test.y)
    print(f"largest difference of the two: {difference:.1e}")
    print(f"test accuracy: {accuracy:.4f}")
    return {"test accuracy": accuracy, "largest difference": difference}


def main(_: list[str]) -> None:
    keras.utils.set_random_seed(SEED.value)
    out = tftrain.app.output_folder(OUT.value)
    splits = tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value)
    name = NAME.value or DATASET.value
    if REST.value:
        figures = compare(REST.value, GRPC.value, name, splits.test)
        tftrain.app.write_result(out, figures)
        return
    base = Path(BASE.value or out / name)
    if not BASE.value:
        model = train(splits)
        print(f"export: {tftrain.export.saved_model(model, base)}")
        print(f"model: {tftrain.export.keras(model, out / 'model.keras')}")
    with server(base, name) as address:
        figures = compare(address["REST"], address["gRPC"], name, splits.test)
    tftrain.app.write_result(out, figures)


if __name__ == "__main__":
    tftrain.app.run(main)
