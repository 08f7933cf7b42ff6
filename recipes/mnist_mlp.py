"""A multilayer perceptron on MNIST, saved in both of Keras's formats and read back.

    python recipes/mnist_mlp.py                                  # MNIST, downloaded if need be
    python recipes/mnist_mlp.py --data_dir=DIR                   # DIR holds mnist.npz
    python recipes/mnist_mlp.py --dataset=digits --epochs=50     # runs anywhere

Time: about ten seconds on two cores.
Expected: test accuracy of 0.975 or better (0.975 to 0.979 for seeds 0 to 4); digits: 0.981.
"""

from pathlib import Path

import numpy as np
from absl import flags

import tftrain
from tftrain.keras_api import keras  # without TensorFlow's start-up messages

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 5, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/mnist_mlp", "folder for the model's files")
SEED = flags.DEFINE_integer("seed", 0, "of weights, order and dropout", lower_bound=0)


def load_data() -> tftrain.data.Splits:
    """The whole training part is trained on: the test part judges the result, and nothing else."""
    return tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)


def build_model(info: tftrain.data.Info) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(info.shape),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(info.classes, activation="softmax"),
        ]
    )


def train(model: keras.Model, examples: tftrain.data.Examples) -> None:
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    tftrain.fit(model, examples, epochs=EPOCHS.value)


def save(model: keras.Model, out: Path) -> list[Path]:
    return [
        tftrain.export.h5(model, out / "model.h5"),
        tftrain.export.keras(model, out / "model.keras"),
    ]


def largest_difference(model: keras.Model, path: Path, x: np.ndarray) -> float:
    """How far the probabilities of the model read from `path` are from those of `model`."""
    restored = keras.models.load_model(path, compile=False)
    return float(np.abs(restored.predict(x, verbose=0) - model.predict(x, verbose=0)).max())


def main(_: list[str]) -> None:
    keras.utils.set_random_seed(SEED.value)
    splits = load_data()
    out = tftrain.app.output_folder(OUT.value)
    model = build_model(splits.info)
    train(model, splits.train)
    loss, accuracy = model.evaluate(splits.test.x, splits.test.y, verbose=0)
    print(f"test accuracy: {accuracy:.4f}, loss: {loss:.4f}")
    figures = {"test accuracy": accuracy, "loss": loss}
    for path in save(model, out):
        difference = largest_difference(model, path, splits.test.x)
        print(f"{path}: read back, its outputs differ by at most {difference:.1e}")
        figures[f"difference of the {path.suffix} file"] = difference
    tftrain.app.write_result(out, figures)


if __name__ == "__main__":
    tftrain.app.run(main)
