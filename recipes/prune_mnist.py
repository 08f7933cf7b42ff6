"""Four weights in five set to zero: an MNIST network is pruned while it trains on, and goes on
training with its zeros kept.

    python recipes/prune_mnist.py                                # MNIST, downloaded if need be
    python recipes/prune_mnist.py --data_dir=DIR                 # DIR holds mnist.npz
    python recipes/prune_mnist.py --dataset=digits --epochs=50   # runs anywhere

Time: about a minute on two cores.
Expected: 80% of both kernels are zeros to the end; test accuracy about 0.978, not below the dense
network's 0.975; the LiteRT file gzipped is 4 times smaller.
"""

import numpy as np
from absl import flags

import tftrain
from tftrain.keras_api import keras  # without TensorFlow's start-up messages

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 5, "of the training before pruning", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/prune_mnist", "folder for the model's files")
SEED = flags.DEFINE_integer("seed", 0, "of weights, order and dropout", lower_bound=0)
SPARSITY = flags.DEFINE_float("sparsity", 0.8, "share of zeros", lower_bound=0, upper_bound=0.99)

TUNING = 2  # epochs in which the zeros come in, and one more with all of them kept


def load_data() -> tftrain.data.Splits:
    """The whole training part is trained on: the test part judges the result, and nothing else."""
    return tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)


def build_model(info: tftrain.data.Info) -> keras.Model:
    return tftrain.models.mlp(info.shape, hidden=(128,), classes=info.classes, dropout=0.2)


def train(model: keras.Model, examples: tftrain.data.Examples) -> None:
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    tftrain.fit(model, examples, epochs=EPOCHS.value)


def prune(model: keras.Model, examples: tftrain.data.Examples) -> keras.Model:
    """A pruned copy; the learning rate and all else is that of the model."""
    pruned = tftrain.compress.prune(
        model, examples, SPARSITY.value, epochs=TUNING, batch_size=32, seed=SEED.value
    )
    tftrain.compress.keep_zeros(pruned)  # without it, the next line would fill them up again
    pruned.fit(examples.x, examples.y, epochs=1, verbose=2)
    return pruned


def show_zeros(model: keras.Model) -> None:
    for layer in model.layers:
        for weight in layer.weights:
            values = keras.ops.convert_to_numpy(weight)
            print(f"{weight.path:24} {values.shape!s:12} {np.mean(values == 0):6.1%} zeros")


def main(_: list[str]) -> None:
    keras.utils.set_random_seed(SEED.value)
    splits = load_data()
    out = tftrain.app.output_folder(OUT.value)
    model = build_model(splits.info)
    train(model, splits.train)
    pruned = prune(model, splits.train)
    show_zeros(pruned)
    report = tftrain.compress.report({"dense": model, "pruned": pruned}, splits.test, rounds=0)
    print(report)
    _, accuracy = pruned.evaluate(splits.test.x, splits.test.y, verbose=0)
    print(f"test accuracy: {accuracy:.4f}")
    dense, small = report.variants
    times = dense.gzip_bytes / small.gzip_bytes
    tftrain.app.write_result(out, {"test accuracy": accuracy, "times smaller by gzip": times})
    print(f"model: {tftrain.export.keras(pruned, out / 'model.keras')}")
    print(f"for LiteRT: {tftrain.export.tflite(pruned, out / 'model.tflite')}")


if __name__ == "__main__":
    tftrain.app.run(main)
