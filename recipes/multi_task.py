"""Three tasks at once: which digit, whether it is odd, and which way the image was turned; beside
a network for each task alone, three seeds each.

    python recipes/multi_task.py                                  # digits, no download
    python recipes/multi_task.py --dataset=digits --few=0.05      # other data, fewer labels
    python recipes/multi_task.py --dataset=mnist --epochs=5 --data_dir=DIR  # DIR holds mnist.npz

Time: about two minutes on two cores.
Expected: two tables of test accuracies; README.md has them. The three together, at a third of the
cost, lose one to two points on the digits; for the same cost they lose none. Few labels are no
reason to train together here, and weights that are learned no better than equal ones.

Every network has the same trunk, and every training as many steps, so that three tasks alone cost
three times what they cost together; "3 x as long" spends as much on one network for all. In a
second comparison only a share of the images, `--few`, has a digit and a parity, while every image
knows how it was turned; the network for one task then sees the labelled images only, more often.
"""

import dataclasses
from pathlib import Path

import numpy as np
from absl import flags
from matplotlib.figure import Figure

import tftrain
from tftrain.atomic import replace_file
from tftrain.errors import BadInput
from tftrain.keras_api import keras  # without TensorFlow's start-up messages

DATASET = flags.DEFINE_enum("dataset", "digits", ["digits", "mnist"], "what to train on")
DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with the dataset's files")
EPOCHS = flags.DEFINE_integer("epochs", 30, "passes over the training images", lower_bound=1)
EXAMPLES = flags.DEFINE_integer("examples", 10_000, "at most so many images", lower_bound=100)
FEW = flags.DEFINE_float("few", 0.1, "share of images with a digit and a parity", 0.001, 1)
OUT = flags.DEFINE_string("out", "recipe-output/multi_task", "folder for plot and model")
SEED = flags.DEFINE_integer("seed", 0, "the first one", lower_bound=0)
SEEDS = flags.DEFINE_integer("seeds", 3, "how many of them", lower_bound=1)

BATCH = 64
CLASSES = {"digit": 10, "parity": 2, "rotation": 4}
ALONE, EQUAL = "alone", "together"
LEARNED, LONGER = "learned weights", "learned weights, 3 x as long"
WAYS = (ALONE, EQUAL, LEARNED, LONGER)

Labels = dict[str, np.ndarray]


def turned(examples: tftrain.data.Examples, turns: np.ndarray) -> tuple[np.ndarray, Labels]:
    """Images turned by quarters, `[N, H, W, C]`, and their labels by task."""
    images = np.stack([np.rot90(x, turn) for x, turn in zip(examples.x, turns, strict=True)])
    return images, {"digit": examples.y, "parity": examples.y % 2, "rotation": turns}


def tests(examples: tftrain.data.Examples) -> tuple[np.ndarray, Labels]:
    """Every test image in all four directions."""
    parts = [turned(examples, np.full(len(examples), turn)) for turn in range(4)]
    labels = {task: np.concatenate([part[1][task] for part in parts]) for task in CLASSES}
    return np.concatenate([images for images, _ in parts]), labels


def with_few(labels: Labels, seed: int) -> Labels:
    """Digit and parity of a share of the images; -1 says that there is none."""
    count = len(labels["digit"])
    known = np.random.default_rng(seed).permutation(count) < FEW.value * count
    hidden = {task: np.where(known, labels[task], -1) for task in ("digit", "parity")}
    return {**labels, **hidden}


def make_model(shape: tuple[int, ...], tasks: list[str], way: str) -> keras.Model:
    trunk = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Flatten(),
            keras.layers.Dense(128, "relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(64, "relu"),
        ]
    )
    heads = {task: CLASSES[task] for task in tasks}
    weights = "uncertainty" if way in (LEARNED, LONGER) else None
    model = tftrain.models.multi_task(trunk, heads, weights=weights)
    model.compile(
        "adam",
        loss=dict.fromkeys(tasks, "sparse_categorical_crossentropy"),
        weighted_metrics={task: ["accuracy"] for task in tasks},
    )
    return model


def train(
    x: np.ndarray, labels: Labels, way: str, seed: int
) -> tuple[keras.Model, dict[str, list[float]]]:
    """A network for these tasks, and how its training went."""
    keras.utils.set_random_seed(seed)
    y, weights = tftrain.data.known_labels(labels)
    epochs = EPOCHS.value * (len(CLASSES) if way == LONGER else 1)
    if len(labels) == 1:  # nothing is learned from an image without a label
        rows = next(iter(weights.values())) > 0
        epochs = round(epochs * len(x) / rows.sum())
        x, y = x[rows], {task: label[rows] for task, label in y.items()}
        weights = {task: weight[rows] for task, weight in weights.items()}
    model = make_model(x.shape[1:], list(labels), way)
    call = {"batch_size": BATCH, "epochs": epochs, "verbose": 0, "seed": seed}
    history = tftrain.fit(model, x, y, sample_weight=weights, engine="fused_epoch", **call)
    return model, history.history


def accuracy_by_task(model: keras.Model, x: np.ndarray, labels: Labels) -> dict[str, float]:
    parts = [model(part, training=False) for part in np.array_split(x, len(x) // 1000 + 1)]
    answers = {task: np.concatenate([part[task] for part in parts]) for task in parts[0]}
    return {task: float(np.mean(a.argmax(axis=1) == labels[task])) for task, a in answers.items()}


def compare(splits: tftrain.data.Splits, few: bool) -> tuple[dict, keras.Model, dict]:
    """Test accuracies by task and way, a seed each; the last model and its training."""
    test_x, test_labels = tests(splits.test)
    found: dict[str, dict[str, list[float]]] = {t: {way: [] for way in WAYS} for t in CLASSES}
    for seed in range(SEED.value, SEED.value + SEEDS.value):
        turns = np.random.default_rng(seed).integers(0, 4, len(splits.train))
        x, labels = turned(splits.train, turns)
        labels = with_few(labels, seed) if few else labels
        for way in WAYS:
            groups = [[task] for task in CLASSES] if way == ALONE else [list(CLASSES)]
            for tasks in groups:
                model, history = train(x, {task: labels[task] for task in tasks}, way, seed)
                for task, accuracy in accuracy_by_task(model, test_x, test_labels).items():
                    found[task][way].append(accuracy)
    return found, model, history


def show(title: str, found: dict) -> None:
    """The table: of each task and way mean and standard deviation."""
    print(f"{title}: test accuracy, mean ± spread of {SEEDS.value} seeds from {SEED.value}")
    print(f"| task | {' | '.join(WAYS)} |")
    print("|---" * (1 + len(WAYS)) + "|")
    for task, ways in found.items():
        cells = [f"{np.mean(ways[way]):.4f} ± {spread(ways[way]):.4f}" for way in WAYS]
        print(f"| {task} | {' | '.join(cells)} |")


def spread(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def plot(tables: dict[str, dict], history: dict[str, list[float]], path: Path) -> None:
    """Accuracies, a panel a comparison, and the learned weights in the last training."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    *panels, last = figure.subplots(1, len(tables) + 1)
    for axes, (title, found) in zip(panels, tables.items(), strict=True):
        for number, way in enumerate(WAYS):
            places = np.arange(len(CLASSES)) + 0.2 * (number - 1.5)
            values = np.array([found[task][way] for task in CLASSES])
            axes.plot(places, values.mean(axis=1), "_", markersize=14, color=f"C{number}")
            axes.plot(places, values, ".", color=f"C{number}")
            axes.plot([], [], ".", color=f"C{number}", label=way)
        axes.set_xticks(range(len(CLASSES)), CLASSES)
        axes.set(title=title, ylabel="test accuracy", xlim=(-0.5, len(CLASSES) - 0.5))
        axes.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=4)
    for task in CLASSES:
        weights = history[f"{task}_weight"]
        last.plot(np.arange(len(weights)) + 1, weights, label=task)
    last.set(title="learned weights, last training", xlabel="epoch", ylim=(0, None))
    last.grid(alpha=0.3)
    last.legend()
    with replace_file(path) as temporary:
        figure.savefig(temporary, dpi=120)


def main(_: list[str]) -> None:
    splits = tftrain.data.load(DATASET.value, data_dir=DATA_DIR.value, validation=0)
    if FEW.value * min(len(splits.train), EXAMPLES.value) < 50:
        raise BadInput(f"--few={FEW.value} leaves fewer than 50 labels: choose a larger share")
    out = tftrain.app.output_folder(OUT.value)
    chosen = np.random.default_rng(0).permutation(len(splits.train))[: EXAMPLES.value]
    splits = dataclasses.replace(splits, train=splits.train.take(chosen))
    tables, figures = {}, {}
    for few in (False, True) if FEW.value < 1 else (False,):
        title = f"{FEW.value:.0%} of digits, parities" if few else "all labels"
        found, model, history = compare(splits, few)
        tables[title] = found
        show(title, found)
        for task, ways in found.items():
            for way, values in ways.items():
                figures[f"{'few labels, ' if few else ''}{task}, {way}"] = np.mean(values)
    weights = ", ".join(f"{task} {weight:.2f}" for task, weight in model.task_weights().items())
    print(f"learned weights of the last: {weights}")
    tftrain.app.write_result(out, figures)
    plot(tables, history, out / "accuracy.png")
    print(f"plot: {out / 'accuracy.png'}")
    print(f"model of the last: {tftrain.export.keras(model, out / 'model.keras')}")


if __name__ == "__main__":
    tftrain.app.run(main)
