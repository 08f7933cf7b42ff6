"""A program in recipes/: how it is run, and what is expected of it."""

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
