"""Every optimizer on one task: the same network, data and epochs, each at the best of three rates.

    python recipes/optimizers_compared.py                                  # MNIST
    python recipes/optimizers_compared.py --data_dir=DIR                   # DIR holds mnist.npz
    python recipes/optimizers_compared.py --dataset=digits --epochs=20     # runs anywhere

Time: about four minutes on two cores.
Expected: a table, and compared.png: the loss along the training, and the test accuracy. MNIST, seed
0: 0.957 to 0.975 after three epochs; README.md has the table.

What it shows is this task alone: a small perceptron, few epochs, no schedule. The rate is chosen by
the validation part, the accuracy is that of the test part.
"""

import dataclasses

import numpy as np
from absl import flags
from matplotlib.figure import Figure

import tftrain
from tftrain.atomic import replace_file
from tftrain.keras_api import keras  # without TensorFlow's start-up messages

DATASET = flags.DEFINE_enum("dataset", "mnist", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 3, "passes over the training data", lower_bound=1)
OUT = flags.DEFINE_string("out", "recipe-output/optimizers_compared", "folder for the plot")
SEED = flags.DEFINE_integer("seed", 0, "of weights and order", lower_bound=0)
ONLY = flags.DEFINE_list("only", None, "some of the optimizers, separated by commas")

BATCH = 128
TIMES = (0.3, 1.0, 3.0)
RATES = {  # the middle of the three; 0.003 for what is not named
    "adadelta": 1.0,
    "adagrad": 0.03,
    "ftrl": 0.3,
    "gd": 0.3,
    "lamb": 0.01,
    "lars": 10.0,
    "lion": 0.0003,
    "rmsprop": 0.001,
    "sgd": 0.1,
}
OPTIONS = {"sgd": {"momentum": 0.9, "nesterov": True}}


@dataclasses.dataclass(frozen=True)
class Run:
    """One training: the loss after each epoch, the accuracy on the other two parts at the end."""

    name: str
    rate: float
    losses: list[float]
    validation: float
    test: float


def build_model(info: tftrain.data.Info) -> keras.Model:
    return tftrain.models.mlp(info.shape, hidden=(128,), classes=info.classes, dropout=0)


def train(name: str, rate: float, splits: tftrain.data.Splits) -> Run:
    keras.utils.set_random_seed(SEED.value)
    model = build_model(splits.info)
    model.compile(
        optimizer=tftrain.optim.optimizer(name, rate, **OPTIONS.get(name, {})),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=32,  # one trip between Python and TensorFlow for 32 steps: faster
    )
    history = model.fit(
        splits.train.x,
        splits.train.y,
        batch_size=BATCH,
        epochs=EPOCHS.value,
        validation_data=(splits.validation.x, splits.validation.y),
        verbose=0,
    ).history
    _, accuracy = model.evaluate(splits.test.x, splits.test.y, batch_size=1000, verbose=0)
    return Run(name, rate, history["loss"], history["val_accuracy"][-1], accuracy)


def best(name: str, splits: tftrain.data.Splits) -> Run:
    middle = RATES.get(name, 0.003)
    runs = [train(name, middle * times, splits) for times in TIMES]
    return max(runs, key=lambda run: run.validation)


def draw(runs: list[Run]) -> Figure:
    figure = Figure(figsize=(11, 5), layout="constrained")
    curves, bars = figure.subplots(1, 2)
    colours = {run.name: f"C{i % 10}" for i, run in enumerate(runs)}
    for i, run in enumerate(runs):
        epochs = np.arange(1, len(run.losses) + 1)
        style = ("-", "--")[i // 10 % 2]
        curves.plot(epochs, run.losses, style, marker=".", color=colours[run.name], label=run.name)
    curves.set(xlabel="epoch", ylabel="training loss", yscale="log")
    curves.xaxis.get_major_locator().set_params(integer=True)
    curves.legend(fontsize=8, ncols=2)
    ranked = sorted(runs, key=lambda run: run.test)
    places = bars.barh(
        [f"{run.name}, {run.rate:.2g}" for run in ranked],
        [run.test for run in ranked],
        color=[colours[run.name] for run in ranked],
    )
    bars.bar_label(places, fmt="%.4f", fontsize=8, padding=2)
    lowest = min(run.test for run in ranked)
    bars.set(xlabel="test accuracy", xlim=(max(0, lowest - 0.02), min(1.0, ranked[-1].test + 0.01)))
    return figure


def main(_: list[str]) -> None:
    names = ONLY.value or tftrain.optim.names()
    for name in names:
        tftrain.optim.check_name(name)
    splits = tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value)
    out = tftrain.app.output_folder(OUT.value)
    runs = []
    for name in names:
        runs.append(best(name, splits))
        run = runs[-1]
        print(f"{name:20} rate {run.rate:<8.2g} loss {run.losses[-1]:.4f} test {run.test:.4f}")
    tftrain.app.write_result(out, {run.name: run.test for run in runs})
    with replace_file(out / "compared.png") as temporary:
        draw(runs).savefig(temporary, format="png", dpi=110)
    print(f"plot: {out / 'compared.png'}")


if __name__ == "__main__":
    tftrain.app.run(main)
