"""Batches of 4096 instead of 128: what is lost, and what a higher rate, warm-up and LAMB win back.

    python recipes/large_batch.py                                  # MNIST
    python recipes/large_batch.py --data_dir=DIR                   # DIR holds mnist.npz
    python recipes/large_batch.py --dataset=digits --epochs=20     # runs anywhere; batches of 512

Time: about half a minute on two cores.
Expected: a table of test accuracies; README.md has it. MNIST: SGD at 128 about 0.978, LAMB at
4096 about 0.963, SGD at 4096 less.

All rows have the same network, data and epochs, so those of large batches have 32 times fewer
steps. The rates of the first row, of Adam and of LAMB are the best of a few on MNIST's validation
part; SGD's is scaled from the first by rule (Goyal et al. 2017). The network is small and the task
easy: what holds here says little about large networks.
"""

import dataclasses

from absl import flags

import tftrain
from tftrain.keras_api import keras  # without TensorFlow's start-up messages

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 5, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/large_batch", "folder for the model's file")
SEED = flags.DEFINE_integer("seed", 0, "of weights, order and dropout", lower_bound=0)

SMALL = 128
LARGE = {"mnist": 4096, "digits": 512}
RATES = {"sgd": 0.1, "adam": 0.02, "lamb": 0.05}


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to train: at most at `rate`, after a rise over `warmup` of the training."""

    title: str
    batch: int
    optimizer: str
    rate: float
    warmup: str | None = None
    options: dict[str, float] = dataclasses.field(default_factory=dict)


def ways(large: int) -> list[Way]:
    momentum = {"momentum": 0.9}
    scaled = tftrain.optim.scaled_rate(RATES["sgd"], large, base_batch_size=SMALL)
    return [
        Way("SGD", SMALL, "sgd", RATES["sgd"], options=momentum),
        Way("SGD, same rate", large, "sgd", RATES["sgd"], options=momentum),
        Way("SGD, scaled rate", large, "sgd", scaled, options=momentum),
        Way("SGD, scaled rate, warm-up", large, "sgd", scaled, "20%", momentum),
        Way("Adam, warm-up", large, "adam", RATES["adam"], "20%"),
        Way("LAMB, warm-up", large, "lamb", RATES["lamb"], "20%"),
    ]


def train(way: Way, splits: tftrain.data.Splits) -> keras.Model:
    keras.utils.set_random_seed(SEED.value)
    model = tftrain.models.mlp(splits.info.shape, classes=splits.info.classes)
    rate = tftrain.optim.schedule(
        "linear",
        way.rate,
        steps_per_epoch=tftrain.data.steps_per_epoch(splits.train, way.batch),
        epochs=EPOCHS.value,
        warmup=way.warmup,
    )
    model.compile(
        optimizer=tftrain.optim.optimizer(way.optimizer, rate, **way.options),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(splits.train.x, splits.train.y, batch_size=way.batch, epochs=EPOCHS.value, verbose=0)
    return model


def main(_: list[str]) -> None:
    splits = tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)
    out = tftrain.app.output_folder(OUT.value)
    figures = {}
    for way in ways(LARGE[DATASET.value]):
        model = train(way, splits)
        _, accuracy = model.evaluate(splits.test.x, splits.test.y, batch_size=1000, verbose=0)
        steps = int(model.optimizer.iterations)
        print(f"batch {way.batch:5} steps {steps:5} {way.title:28} test accuracy: {accuracy:.4f}")
        figures[f"{way.title}, batch {way.batch}"] = accuracy
    tftrain.app.write_result(out, figures)
    print(f"model of the last: {tftrain.export.keras(model, out / 'model.keras')}")


if __name__ == "__main__":
    tftrain.app.run(main)
