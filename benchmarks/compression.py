"""Targets, on the whole of MNIST: of the perceptron 784-128-10, 80% zeros within 0.3 points of the
dense network; int8 within 0.2 points and a quarter of the file; zeros, 16 clusters and training for
int8 together at most 1/14 of the dense file when gzipped, within 0.5 points; of the convolutional
network of the recipes, 80% zeros and int8 within 0.2 points each; two zeros in every four where
they are asked for. Latencies are shown side by side and promise nothing.

    python benchmarks/compression.py --data_dir=DIR     # DIR holds mnist.npz; about 20 minutes
    python benchmarks/compression.py --quick            # the digits; its figures mean nothing

Every training begins from the seed; a figure is the mean over seeds. Files are LiteRT files. Sizes
and latencies are those of the last seed; all latencies of a network are measured in turns, in one
run. The order of steps and their settings are those of `tftrain compress`.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
from collections.abc import Iterator
from typing import Any

import surroundings
from absl import app, flags, logging

DATA_DIR = flags.DEFINE_string("data_dir", None, "folder with mnist.npz; without it, the digits")
SEEDS = flags.DEFINE_integer("seeds", 3, "trainings of each network", lower_bound=1)
EPOCHS = flags.DEFINE_integer("epochs", 5, "of the dense networks", lower_bound=1)
TUNING = flags.DEFINE_integer("tuning_epochs", 2, "of each step", lower_bound=1)
ONLY = flags.DEFINE_multi_enum("only", ["mlp", "cnn"], ["mlp", "cnn"], "networks")
QUICK = flags.DEFINE_bool("quick", False, "one seed, one epoch: does it run?")

PACKAGES = ("tensorflow", "keras", "tf-keras", "tensorflow-model-optimization", "numpy")
PLANS: dict[str, dict[str, Any]] = {
    "mlp": {"prune": 0.8, "cluster": 16, "quantize": "int8"},
    "cnn": {"prune": 0.8, "quantize": "int8"},
}
BATCHES = {"mlp": 32, "cnn": 64}  # in all trainings of a network, as `tftrain compress` has it
QAT = "pruned_clustered_qat"


@dataclasses.dataclass(frozen=True)
class Target:
    """A figure, and the most or the least that it should be."""

    network: str
    name: str
    goal: float
    at_least: bool = False

    def reached(self, figure: float) -> bool:
        return figure >= self.goal if self.at_least else figure <= self.goal


TARGETS = (
    Target("mlp", "points lost by 80% zeros", 0.3),
    Target("mlp", "points lost by int8", 0.2),
    Target("mlp", "share of the dense file, int8", 0.25),
    Target("mlp", "points lost by zeros, clusters and int8", 0.5),
    Target("mlp", "times smaller, both gzipped", 14, at_least=True),
    Target("mlp", "times smaller, gzip against the plain dense file", 14, at_least=True),
    Target("mlp", "share of fours with two zeros, 2:4", 1, at_least=True),
    Target("cnn", "points lost by 80% zeros", 0.2),
    Target("cnn", "points lost by int8", 0.2),
)


def splits() -> Any:
    import tftrain

    name = "mnist" if DATA_DIR.value else "digits"
    return tftrain.data.load(name, data_dir=DATA_DIR.value, validation=0)


def dense(network: str, given: Any, seed: int) -> Any:
    """The networks of the recipes mnist_mlp and mnist_cnn, trained as there."""
    import tftrain
    from tftrain.keras_api import keras

    keras.utils.set_random_seed(seed)
    info, train = given.info, given.train
    if network == "mlp":
        model = tftrain.models.mlp(info.shape, hidden=(128,), classes=info.classes, dropout=0.2)
        optimizer = keras.optimizers.Adam()
    else:
        model = tftrain.models.cnn(info.shape, filters=(32, 64), dense=128, classes=info.classes)
        steps = tftrain.data.steps_per_epoch(train, BATCHES[network]) * EPOCHS.value
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    tftrain.fit(model, train, batch_size=BATCHES[network], epochs=EPOCHS.value, verbose=0)
    return model


def compressed(network: str, model: Any, given: Any, seed: int, last: bool) -> Any:
    """The report on every variant; latencies only where they are shown."""
    import tftrain

    made = tftrain.compress.stages(
        model,
        given.train,
        **PLANS[network],
        epochs=TUNING.value,
        batch_size=BATCHES[network],
        seed=seed,
        verbose=0,
        tell=lambda line: print(f"seed {seed}, {network}, {line}", file=sys.stderr),
    )
    return tftrain.compress.report(
        list(made),
        given.test,
        rounds=(1 if QUICK.value else 10) if last else 0,
        tell=lambda line: print(f"seed {seed}, {network}: {line}", file=sys.stderr),
    )


def two_of_four(model: Any, given: Any, seed: int) -> float:
    """The share of groups of four neighbours, along the inputs, with exactly two zeros or more."""
    import numpy as np

    import tftrain

    pruned = tftrain.compress.prune(
        model,
        given.train,
        structure="2:4",
        epochs=TUNING.value,
        batch_size=BATCHES["mlp"],
        seed=seed,
        verbose=0,
    )
    kernels = [np.asarray(layer.kernel) for layer in pruned.layers if hasattr(layer, "kernel")]
    fours = np.concatenate([kernel.T.reshape(-1, 4) for kernel in kernels])
    return float(np.mean((fours == 0).sum(axis=1) >= 2))


def figures(network: str, report: Any) -> Iterator[tuple[str, float]]:
    """What the targets ask for, of one seed, by the targets' names."""
    of = {one.name: one for one in report.variants}
    yield "points lost by 80% zeros", 100 * of["pruned"].drop
    yield "points lost by int8", 100 * of["dense_int8"].drop
    if network == "mlp":
        whole, smallest = of["dense"], of[QAT]
        yield "share of the dense file, int8", of["dense_int8"].bytes / whole.bytes
        yield "points lost by zeros, clusters and int8", 100 * smallest.drop
        yield "times smaller, both gzipped", whole.gzip_bytes / smallest.gzip_bytes
        plain = whole.bytes / smallest.gzip_bytes
        yield "times smaller, gzip against the plain dense file", plain


def measured() -> dict[str, dict[str, Any]]:
    """By network: accuracies and figures of every seed, and the last seed's report."""
    given = splits()
    results: dict[str, dict[str, Any]] = {}
    for network in ONLY.value:
        of: dict[str, Any] = {"accuracy": {}, "figures": {}}
        for seed in range(SEEDS.value):
            model = dense(network, given, seed)
            report = compressed(network, model, given, seed, seed == SEEDS.value - 1)
            found = dict(figures(network, report))
            if network == "mlp":
                found["share of fours with two zeros, 2:4"] = two_of_four(model, given, seed)
            for name, figure in found.items():
                of["figures"].setdefault(name, []).append(figure)
            for one in report.variants:
                of["accuracy"].setdefault(one.name, []).append(one.accuracy)
        results[network] = {**of, "report": report}
    return results


def target_rows(results: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for target in TARGETS:
        if target.network not in results:
            continue
        seeds = results[target.network]["figures"][target.name]
        mean = statistics.mean(seeds)
        row = {**dataclasses.asdict(target), "mean": mean, "seeds": seeds}
        rows.append({**row, "reached": target.reached(mean)})
    return rows


def target_table(rows: list[dict[str, Any]]) -> str:
    lines = ["| network | figure | target | mean | seeds | reached |", "|---" * 6 + "|"]
    for row in rows:
        sign = ">=" if row["at_least"] else "<="
        seeds = ", ".join(f"{figure:.3f}" for figure in row["seeds"])
        lines.append(
            f"| {row['network']} | {row['name']} | {sign} {row['goal']:g} | {row['mean']:.3f} "
            f"| {seeds} | {'yes' if row['reached'] else 'no'} |"
        )
    return "\n".join(lines)


def accuracy_table(results: dict[str, dict[str, Any]]) -> str:
    lines = ["| network | variant | accuracy, mean | seeds |", "|---" * 4 + "|"]
    for network, of in results.items():
        for name, seeds in of["accuracy"].items():
            each = ", ".join(f"{accuracy:.4f}" for accuracy in seeds)
            lines.append(f"| {network} | {name} | {statistics.mean(seeds):.4f} | {each} |")
    return "\n".join(lines)


def main(_: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    if QUICK.value:
        flags.FLAGS.seeds, flags.FLAGS.epochs, flags.FLAGS.tuning_epochs = 1, 1, 1
    results = measured()
    rows = target_rows(results)
    print(f"{target_table(rows)}\n\n{accuracy_table(results)}\n")
    for network, of in results.items():
        print(f"{network}, last seed:\n{of['report']}\n")
    document = {
        "benchmark": "compression",
        "dataset": "mnist" if DATA_DIR.value else "digits",
        **{name: flags.FLAGS[name].value for name in ("seeds", "epochs", "tuning_epochs", "quick")},
        "targets": rows,
        "networks": {
            network: {"accuracy": of["accuracy"], **of["report"].as_dict()}
            for network, of in results.items()
        },
    }
    print(json.dumps({**document, **surroundings.describe(PACKAGES)}))


if __name__ == "__main__":
    app.run(main)
