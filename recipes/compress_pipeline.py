"""An MNIST network pruned, then clustered, then trained for 8 bits, each step keeping what the one
before it made: about twenty times smaller, gzipped, than what it began with.

    python recipes/compress_pipeline.py                          # MNIST, downloaded if need be
    python recipes/compress_pipeline.py --data_dir=DIR           # DIR holds mnist.npz
    python recipes/compress_pipeline.py --dataset=digits --epochs=50  # runs anywhere

`tftrain compress RUN --prune=0.8 --cluster=16 --quantize=int8` does the same to a run.

Time: about a minute and a half on two cores.
Expected: gzipped, the file is 15 times smaller once clustered and 22 times with 8 bits; test
accuracy within half a point of the dense network's, 0.975.
"""

from absl import flags

import tftrain
from tftrain.keras_api import keras  # without TensorFlow's start-up messages

CLUSTERS = flags.DEFINE_integer("clusters", 16, "different values a kernel may have", lower_bound=2)
DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 5, "of the training before compression", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/compress_pipeline", "folder for models and plot")
ROUNDS = flags.DEFINE_integer("rounds", 5, "turns of each program in timing", lower_bound=0)
SEED = flags.DEFINE_integer("seed", 0, "of weights, order and dropout", lower_bound=0)
SPARSITY = flags.DEFINE_float("sparsity", 0.8, "share of zeros", lower_bound=0, upper_bound=0.99)

TUNING = 2  # epochs of each step


def load_data() -> tftrain.data.Splits:
    """The whole training part is trained on: the test part judges the result, and nothing else."""
    return tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)


def build_model(info: tftrain.data.Info) -> keras.Model:
    return tftrain.models.mlp(info.shape, hidden=(128,), classes=info.classes, dropout=0.2)


def train(model: keras.Model, examples: tftrain.data.Examples) -> None:
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    tftrain.fit(model, examples, epochs=EPOCHS.value)


def compress(model: keras.Model, examples: tftrain.data.Examples) -> dict[str, object]:
    """Every variant on the way. Zeros first: clusters made before them would be torn apart."""
    tuning = {"epochs": TUNING, "seed": SEED.value}
    pruned = tftrain.compress.prune(model, examples, SPARSITY.value, **tuning)
    clustered = tftrain.compress.cluster(pruned, examples, CLUSTERS.value, **tuning)
    return {
        "dense": model,
        "pruned": pruned,
        "clustered": clustered,
        "int8": tftrain.compress.quantize_aware(clustered, examples, **tuning),
    }


def main(_: list[str]) -> None:
    keras.utils.set_random_seed(SEED.value)
    splits = load_data()
    out = tftrain.app.output_folder(OUT.value)
    model = build_model(splits.info)
    train(model, splits.train)
    variants = compress(model, splits.train)
    report = tftrain.compress.report(
        variants, splits.test, max_accuracy_drop=0.005, rounds=ROUNDS.value
    )
    print(report)
    accuracies = {one.name: one.accuracy for one in report.variants}
    times = report.variants[0].gzip_bytes / report.variants[-1].gzip_bytes
    tftrain.app.write_result(out, {**accuracies, "times smaller by gzip": times})
    _, picture = report.save(out)
    print(f"plot: {picture}")
    print(f"for LiteRT: {variants['int8'].lite.save(out / 'model.tflite')}")


if __name__ == "__main__":
    tftrain.app.run(main)
