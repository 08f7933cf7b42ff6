"""Variants of a model compared, and which of them to take."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from tftrain.atomic import replace_file
from tftrain.compress import measuring, report_tables, size_plot
from tftrain.compress.fine_tuning import arrays
from tftrain.compress.measuring import Measured
from tftrain.compress.variants import variants_of
from tftrain.errors import CompressionError

_ROUNDING = 1e-9  # of differences between shares


@dataclasses.dataclass(frozen=True)
class Report:
    """Variants side by side. `print(report)` shows the tables and the recommendation.

    Attributes:
        variants: Their figures, the first of which the others are compared with.
        max_accuracy_drop: How much accuracy may be lost.
    """

    variants: tuple[Measured, ...]
    max_accuracy_drop: float

    @property
    def recommended(self) -> Measured | None:
        """The smallest variant, by gzip, of those within the allowed drop; None if none is."""
        within = [one for one in self.variants[1:] if self.allows(one)]
        return min(within, key=lambda one: (one.gzip_bytes, one.bytes, one.drop), default=None)

    def allows(self, variant: Measured) -> bool:
        """Whether a variant loses no more accuracy than it may."""
        return variant.drop <= self.max_accuracy_drop + _ROUNDING

    @property
    def verdict(self) -> str:
        """The recommendation as a sentence."""
        first, chosen = self.variants[0], self.recommended
        if chosen is not None:
            return (
                f"recommended: {chosen.name}, {chosen.gzip_bytes:,} bytes by gzip, "
                f"{first.gzip_bytes / chosen.gzip_bytes:.1f} times smaller than {first.name}, "
                f"accuracy {chosen.accuracy:.4f} ({_drop(chosen)}, allowed "
                f"{self.max_accuracy_drop:g})"
            )
        if len(self.variants) == 1:
            return f"recommended: none, there is only {first.name}"
        nearest = min(self.variants[1:], key=lambda one: one.drop)
        return (
            f"recommended: none, all lose more than the allowed {self.max_accuracy_drop:g}; "
            f"nearest is {nearest.name} ({_drop(nearest)})"
        )

    def __str__(self) -> str:
        return f"{report_tables.text(self.variants)}\n\n{self.verdict}"

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return {
            "max_accuracy_drop": self.max_accuracy_drop,
            "recommended": self.recommended and self.recommended.name,
            "variants": [one.as_dict() for one in self.variants],
        }

    def figure(self) -> Figure:
        """Size against accuracy."""
        return size_plot.sizes_and_accuracies(self)

    def save(self, folder: str | os.PathLike[str]) -> tuple[Path, Path]:
        """Writes `compression.json` and `compression.png` into a folder, made if missing.

        Returns:
            Their paths.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        document, picture = Path(folder, "compression.json"), Path(folder, "compression.png")
        with replace_file(document) as temporary:
            temporary.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")
        with replace_file(picture) as temporary:
            self.figure().savefig(temporary, format="png", dpi=130)
        return document, picture


def report(
    variants: Any,
    examples: Any,
    *,
    max_accuracy_drop: float = 0.01,
    labels: Sequence[str] | None = None,
    batch_sizes: Sequence[int] = (1, 32),
    rounds: int = 5,
    tell: Callable[[str], None] = lambda line: None,
) -> Report:
    """Measures variants of a classifier side by side and recommends one.

    Keras models are also converted to LiteRT in float32, so that all sizes are of LiteRT files;
    where that cannot be, the size is that of the .keras file without an optimizer, and said so.

    Args:
        variants: Keras models, LiteRT files and what `quantize_aware` returns, by their names; or
            each a `Variant`. The first is what the others are compared with.
        examples: `(x, y)`, or something with `.x` and `.y`: x `[N, ...]`, true classes `[N]`.
        max_accuracy_drop: How much accuracy may be lost, as a share: 0.01 is a point.
        labels: Names of the classes.
        batch_sizes: To measure latency with.
        rounds: Turns of about 0.05 s that each program has; 0 measures no latency.
        tell: Called with a line about what comes next.

    Raises:
        CompressionError: Two variants have one name, the drop is negative, or examples and
            outputs are not those of a classifier.
        ConversionFailed: TensorFlow Lite cannot run a file.

    Example:
        >>> import keras, numpy as np, tftrain
        >>> x, y = np.eye(4, dtype="float32"), np.arange(4)
        >>> dense = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        >>> dense.set_weights([np.eye(4) + 0.1, np.zeros(4)])
        >>> cut = tftrain.compress.threshold_weights(dense, 0.5)
        >>> compared = report({"dense": dense, "cut": cut}, (x, y), rounds=0)
        >>> compared.recommended.name, compared.variants[1].weights.nonzero
        ('cut', 4)
    """
    problems = [
        f"{name} is {value}; expected {expected}"
        for name, value, right, expected in (
            ("max_accuracy_drop", max_accuracy_drop, 0 <= max_accuracy_drop <= 1, "0 to 1"),
            ("rounds", rounds, rounds >= 0, "0 or more"),
            ("batch_sizes", batch_sizes, all(size >= 1 for size in batch_sizes), "1 or more each"),
        )
        if not right
    ]
    if problems:
        raise CompressionError(problems)
    given = variants_of(variants)
    tell("converting to LiteRT")
    measured = measuring.measure(
        [variant.with_lite() for variant in given],
        arrays(examples)[:2],
        labels=labels,
        batch_sizes=batch_sizes,
        rounds=rounds,
        tell=tell,
    )
    return Report(measured, float(max_accuracy_drop))


def _drop(variant: Measured) -> str:
    if variant.drop >= 0:
        return f"{variant.drop:.4f} less"
    return f"{-variant.drop:.4f} more"
