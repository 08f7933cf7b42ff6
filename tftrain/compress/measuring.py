"""What a variant of a model is worth: size, weights, accuracy, latency."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tftrain import latency
from tftrain.compress.answers import Answers, judge
from tftrain.compress.programs import programs
from tftrain.compress.variants import Variant, first_rows
from tftrain.compress.weight_counts import WeightCounts, count
from tftrain.keras_api import quiet_logger
from tftrain.latency import Latency


@dataclasses.dataclass(frozen=True)
class Measured:
    """A variant's figures.

    Attributes:
        name: The variant's.
        how: What was done.
        weights: How many, and how many different ones.
        file: What the sizes are of: `tflite`; `keras` where there is no LiteRT file.
        bytes: Size of that file.
        gzip_bytes: The same, compressed by gzip at its strongest.
        accuracy: On the examples given.
        drop: By how much that is below the first variant's.
        worst_class: The class that lost most.
        worst_class_drop: What share of its examples it lost.
        latency: Of a call in milliseconds, by program and size of the batch.
    """

    name: str
    how: str
    weights: WeightCounts
    file: str
    bytes: int
    gzip_bytes: int
    accuracy: float
    drop: float
    worst_class: str
    worst_class_drop: float
    latency: dict[str, dict[int, Latency]]

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        return dataclasses.asdict(self)


def measure(
    variants: Sequence[Variant],
    examples: tuple[Any, Any],
    *,
    labels: Sequence[str] | None,
    batch_sizes: Sequence[int],
    rounds: int,
    tell: Callable[[str], None],
) -> tuple[Measured, ...]:
    """Measures all of them, the first one as what the others are compared with.

    Args:
        variants: At least one.
        examples: x `[N, ...]` and true classes `[N]`.
        labels: Names of the classes; None for their numbers.
        batch_sizes: To measure latency with.
        rounds: Turns each program has; 0 measures no latency.
        tell: Called with a line about what comes next.
    """
    x, y = examples
    tell(f"measuring the accuracy of {len(variants)} variants")
    with quiet_logger():  # Keras traces `predict` for each model and size of a batch
        answers = [judge(y, variant.predict(x)) for variant in variants]
        latencies = _latencies(variants, x, batch_sizes, rounds, tell)
    return tuple(
        _measured(variant, answer, answers[0], labels, of)
        for variant, answer, of in zip(variants, answers, latencies, strict=True)
    )


def _measured(
    variant: Variant,
    answers: Answers,
    baseline: Answers,
    labels: Sequence[str] | None,
    latencies: dict[str, dict[int, Latency]],
) -> Measured:
    worst, worst_drop = answers.worst_drop(baseline)
    return Measured(
        name=variant.name,
        how=variant.how,
        weights=count(variant),
        file=variant.kind,
        bytes=len(variant.content),
        gzip_bytes=variant.gzip_bytes,
        accuracy=answers.accuracy,
        drop=baseline.accuracy - answers.accuracy,
        worst_class=str(worst) if labels is None else str(labels[worst]),
        worst_class_drop=worst_drop,
        latency=latencies,
    )


def _latencies(
    variants: Sequence[Variant],
    x: Any,
    batch_sizes: Sequence[int],
    rounds: int,
    tell: Callable[[str], None],
) -> list[dict[str, dict[int, Latency]]]:
    """By program and size of the batch, one a variant; all are timed in turns of one run."""
    found: list[dict[str, dict[int, Latency]]] = [{} for _ in variants]
    if not rounds:
        return found
    with tempfile.TemporaryDirectory() as folder:
        calls = {
            (number, name, size): bind(first_rows(x, size))
            for number, variant in enumerate(variants)
            for name, bind in programs(variant, Path(folder, str(number)))
            for size in batch_sizes
        }
        tell(f"timing {len(calls)} programs in turns")
        for (number, name, size), one in latency.measure(calls, rounds=rounds).items():
            found[number].setdefault(name, {})[size] = one
    return found
