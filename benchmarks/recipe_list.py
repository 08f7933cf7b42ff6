"""Every recipe: how it is run on MNIST and on the digits, and what is expected of it.

This is the one place for expectations: the tables of recipes/README.md and the answer of
`recipes.py --check` both come from here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

DATASETS = ("mnist", "digits")

Bounds = tuple[float | None, float | None]  # least and most; None: whatever it is


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A program in recipes/.

    Attributes:
        name: Of its file, without the suffix.
        what: It in a few words.
        mnist: Flags of a run on MNIST, or on what the recipe makes itself.
        digits: Flags of a run on the digits, beside `--dataset=digits`.
        expected: For each dataset bounds of the figures that the tables show.
        reads_mnist: Whether it takes `--data_dir`.
        tasks: Flags of `tftrain launch`, where it is a job of several processes.
        has_seeds: Whether it trains with several seeds by itself.
    """

    name: str
    what: str
    mnist: tuple[str, ...]
    digits: tuple[str, ...]
    expected: Mapping[str, Mapping[str, Bounds]]
    reads_mnist: bool = True
    tasks: tuple[str, ...] = ()
    has_seeds: bool = False

    def flags(self, dataset: str) -> tuple[str, ...]:
        """What follows the recipe's name, as far as it is the same on all machines."""
        return self.mnist if dataset == "mnist" else ("--dataset=digits", *self.digits)

    def command(self, dataset: str) -> str:
        """What a user types."""
        words = ["python", f"recipes/{self.name}.py", *self.flags(dataset)]
        launch = ["tftrain", "launch", *self.tasks, "--"] if self.tasks else []
        return " ".join([*launch, *words])


def at_least(low: float) -> Bounds:
    return low, None


def at_most(high: float) -> Bounds:
    return None, high


RECIPES = (
    Recipe(
        "mlp_1000",
        "1000-128-10, one-hot labels",
        (),
        ("--epochs=50",),
        {
            "mnist": {"test accuracy": (0.84, 0.875), "linear model": (0.49, 0.53)},
            "digits": {"test accuracy": at_least(0.95), "linear model": (0.86, 0.91)},
        },
        reads_mnist=False,
    ),
    Recipe(
        "mlp_1000_deep",
        "1000-128-64-10, index labels",
        (),
        ("--epochs=50",),
        {
            "mnist": {"test accuracy": (0.84, 0.885), "linear model": (0.48, 0.52)},
            "digits": {"test accuracy": at_least(0.95), "linear model": (0.92, 0.96)},
        },
        reads_mnist=False,
    ),
    Recipe(
        "mnist_mlp",
        "Flatten-128-Dropout-10, saved as `.h5` and `.keras`",
        (),
        ("--epochs=50",),
        {
            "mnist": {
                "test accuracy": at_least(0.973),
                "difference of the .h5 file": at_most(1e-6),
                "difference of the .keras file": at_most(1e-6),
            },
            "digits": {"test accuracy": at_least(0.96)},
        },
    ),
    Recipe(
        "mnist_cnn",
        "two convolutions, cosine decay",
        (),
        ("--epochs=30",),
        {
            "mnist": {"test accuracy": at_least(0.99)},
            "digits": {"test accuracy": at_least(0.96)},
        },
    ),
    Recipe(
        "augmented_cnn",
        "1,000 images with and without augmentation, three seeds",
        (),
        ("--epochs=30",),
        {
            "mnist": {
                "without, mean": (0.95, 0.97),
                "with augmentation, mean": at_least(0.975),
            },
            "digits": {
                "without, mean": at_least(0.965),
                "with augmentation, mean": at_least(0.93),
            },
        },
        has_seeds=True,
    ),
    Recipe(
        "mnist_rnn",
        "LSTM over the rows",
        (),
        ("--epochs=50",),
        {
            "mnist": {"test accuracy": at_least(0.97)},
            "digits": {"test accuracy": at_least(0.94)},
        },
    ),
    Recipe(
        "pretrain_finetune",
        "learn without labels, fine-tune with few, three seeds",
        (),
        (),
        {
            "mnist": {
                "from scratch, 10 labels": (0.78, 0.9),
                "fine-tuned, 10 labels": at_least(0.88),
            },
            "digits": {
                "from scratch, 10 labels": at_least(0.8),
                "fine-tuned, 10 labels": at_least(0.8),
            },
        },
        has_seeds=True,
    ),
    Recipe(
        "linear_regression",
        "gradient descent and Adam from their formulas",
        (),
        (),
        {
            dataset: {
                "gradient descent, difference from Keras": at_most(1e-5),
                "adam, difference from Keras": at_most(1e-5),
            }
            for dataset in DATASETS
        },
        reads_mnist=False,
    ),
    Recipe(
        "optimizers_compared",
        "every optimizer, the same network, each at the best of three rates",
        (),
        ("--epochs=20",),
        {
            "mnist": {
                "adam": at_least(0.97),
                "sgd": at_least(0.967),
                "rmsprop": at_least(0.967),
                "gd": at_least(0.955),
            },
            "digits": {"adam": at_least(0.94), "sgd": at_least(0.94), "gd": at_least(0.93)},
        },
    ),
    Recipe(
        "large_batch",
        "batches of 4096 (digits: 512) against 128",
        (),
        ("--epochs=20",),
        {
            "mnist": {
                "SGD, batch 128": at_least(0.973),
                "SGD, same rate, batch 4096": (0.90, 0.93),
                "LAMB, warm-up, batch 4096": at_least(0.955),
            },
            "digits": {
                "SGD, batch 128": at_least(0.95),
                "LAMB, warm-up, batch 512": at_least(0.93),
            },
        },
    ),
    Recipe(
        "prune_mnist",
        "80% zeros, kept while training goes on",
        (),
        ("--epochs=50",),
        {
            "mnist": {"test accuracy": at_least(0.973), "times smaller by gzip": at_least(3.5)},
            "digits": {"test accuracy": at_least(0.93), "times smaller by gzip": at_least(1.5)},
        },
    ),
    Recipe(
        "quantize_mnist",
        "float16, 8-bit weights, 8 bits throughout",
        (),
        ("--epochs=50",),
        {
            "mnist": {
                "float32": at_least(0.973),
                "float16": at_least(0.973),
                "dynamic": at_least(0.972),
                "int8": at_least(0.972),
                "int8, times smaller": at_least(3.5),
            },
            "digits": {
                "float32": at_least(0.96),
                "int8": at_least(0.95),
                "int8, times smaller": at_least(2),
            },
        },
    ),
    Recipe(
        "compress_pipeline",
        "zeros, then clusters, then training for 8 bits",
        (),
        ("--epochs=50",),
        {
            "mnist": {
                "dense": at_least(0.973),
                "pruned": at_least(0.968),
                "clustered": at_least(0.968),
                "int8": at_least(0.97),
                "times smaller by gzip": at_least(14),
            },
            "digits": {
                "dense": at_least(0.96),
                "int8": at_least(0.9),
                "times smaller by gzip": at_least(3),
            },
        },
    ),
    Recipe(
        "serve_and_query",
        "an export behind a server, asked over REST and gRPC",
        ("--dataset=mnist", "--epochs=5"),
        (),
        {
            "mnist": {"test accuracy": at_least(0.97), "largest difference": at_most(1e-6)},
            "digits": {"test accuracy": at_least(0.955), "largest difference": at_most(1e-6)},
        },
    ),
    Recipe(
        "multiworker_mnist",
        "several workers, the result of one",
        (),
        ("--epochs=30",),
        {
            "mnist": {"test accuracy": at_least(0.988)},
            "digits": {"test accuracy": at_least(0.96)},
        },
        tasks=("--workers=2",),
    ),
    Recipe(
        "parameter_server_mnist",
        "asynchronous, through servers",
        (),
        ("--epochs=30",),
        {
            "mnist": {"test accuracy": at_least(0.985)},
            "digits": {"test accuracy": at_least(0.96)},
        },
        tasks=("--workers=2", "--ps=1"),
    ),
    Recipe(
        "compressed_gradients",
        "whole and compressed gradients; `tftrain launch` starts it on several machines",
        ("--devices=2",),
        ("--devices=2", "--epochs=30"),
        {
            "mnist": {
                "none": at_least(0.97),
                "powersgd:4": at_least(0.97),
                "share of the bytes": at_most(0.05),
            },
            "digits": {
                "none": at_least(0.94),
                "powersgd:4": at_least(0.94),
                "share of the bytes": at_most(0.12),
            },
        },
    ),
    Recipe(
        "pipeline_parallel",
        "two stages, one a device, beside one device; the schedule as a picture",
        (),
        ("--epochs=30",),
        {
            "mnist": {
                "in stages": at_least(0.97),
                "on one device": at_least(0.97),
            },
            "digits": {
                "in stages": at_least(0.94),
                "on one device": at_least(0.94),
            },
        },
    ),
    Recipe(
        "tpu_mnist",
        "a TPU's cores; here two CPU devices instead, nothing was run on a TPU",
        ("--strategy=mirrored",),
        ("--strategy=mirrored", "--epochs=30"),
        {
            "mnist": {"test accuracy": at_least(0.985)},
            "digits": {"test accuracy": at_least(0.95)},
        },
    ),
)
