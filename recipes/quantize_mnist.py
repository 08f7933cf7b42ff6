"""An MNIST network in fewer bits: float16, 8-bit weights, 8 bits throughout, without training.

    python recipes/quantize_mnist.py                             # MNIST, downloaded if need be
    python recipes/quantize_mnist.py --data_dir=DIR              # DIR holds mnist.npz
    python recipes/quantize_mnist.py --dataset=digits --epochs=50  # runs anywhere

Time: about a minute on two cores.
Expected: all within 0.0002 of the dense network's accuracy, 0.975; float16 is half of the file,
the others a little more than a quarter; int8 is two to three times as fast as float32.
"""

from pathlib import Path

from absl import flags

import tftrain
from tftrain.keras_api import keras  # without TensorFlow's start-up messages

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 5, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/quantize_mnist", "folder for the model's files")
ROUNDS = flags.DEFINE_integer("rounds", 5, "turns of each program in timing", lower_bound=0)
SEED = flags.DEFINE_integer("seed", 0, "of weights, order and dropout", lower_bound=0)

MODES = ("float16", "dynamic", "int8")


def load_data() -> tftrain.data.Splits:
    """The whole training part is trained on: the test part judges the result, and nothing else."""
    return tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)


def build_model(info: tftrain.data.Info) -> keras.Model:
    return tftrain.models.mlp(info.shape, hidden=(128,), classes=info.classes, dropout=0.2)


def train(model: keras.Model, examples: tftrain.data.Examples) -> None:
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    tftrain.fit(model, examples, epochs=EPOCHS.value)


def quantize(model: keras.Model, examples: tftrain.data.Examples, out: Path) -> dict[str, object]:
    """The model in every mode, each written as a file of its own.

    For int8 the ranges of what flows between the layers are measured on some of the examples.
    """
    quantized = {}
    for mode in MODES:
        quantized[mode] = tftrain.compress.quantize(model, mode, representative=examples.x)
        quantized[mode].save(out / f"{mode}.tflite")
    return quantized


def main(_: list[str]) -> None:
    keras.utils.set_random_seed(SEED.value)
    splits = load_data()
    out = tftrain.app.output_folder(OUT.value)
    model = build_model(splits.info)
    train(model, splits.train)
    variants = {"float32": model, **quantize(model, splits.train, out)}
    report = tftrain.compress.report(
        variants, splits.test, max_accuracy_drop=0.002, rounds=ROUNDS.value
    )
    print(report)
    _, accuracy = model.evaluate(splits.test.x, splits.test.y, verbose=0)
    print(f"test accuracy: {accuracy:.4f}")
    times = report.variants[0].bytes / report.variants[-1].bytes
    accuracies = {one.name: one.accuracy for one in report.variants}
    tftrain.app.write_result(out, {**accuracies, "int8, times smaller": times})
    print(f"model: {tftrain.export.keras(model, out / 'model.keras')}")


if __name__ == "__main__":
    tftrain.app.run(main)
