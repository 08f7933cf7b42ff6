"""A classifier's quality as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tftrain.text_tables import aligned

if TYPE_CHECKING:
    from tftrain.evaluate.calibration import Calibration
    from tftrain.evaluate.quality import Quality

_MOST_CLASSES = 30  # of a matrix that a terminal can show


def text(quality: Quality) -> str:
    """All of it; of metrics that were asked for by name, those alone."""
    if quality.metrics:
        return "\n".join([*_metrics(quality), *_notes(quality)])
    parts = ["\n".join(_figures(quality)), class_table(quality), confusion_table(quality)]
    if quality.worst:
        parts.append(worst_table(quality))
    parts += ["\n".join(_notes(quality))] if quality.notes else []
    return "\n\n".join(parts)


def class_table(quality: Quality) -> str:
    """A row a class."""
    rows = [("class", "precision", "recall", "F1", "examples")]
    for label, precision, recall, f1, support in zip(
        quality.labels, quality.precision, quality.recall, quality.f1, quality.support, strict=True
    ):
        rows.append((label, f"{precision:.4f}", f"{recall:.4f}", f"{f1:.3f}", str(support)))
    return aligned(rows)


def confusion_table(quality: Quality) -> str:
    """Counts by true and predicted class."""
    if len(quality.labels) > _MOST_CLASSES:
        return f"confusion matrix: {len(quality.labels)} classes are too many to be shown here"
    rows = [("", *quality.labels)]
    for label, counts in zip(quality.labels, quality.confusion, strict=True):
        rows.append((label, *map(str, counts)))
    table = aligned(rows, left=0)
    return f"confusion matrix (row: true class, column: predicted class)\n{table}"


def worst_table(quality: Quality) -> str:
    """The wrong answers that were given with most confidence."""
    rows = [("true", "answer", "sure of it", "of true", "example")]
    for each in quality.worst:
        sure = f"{each.confidence:.4f}", f"{each.probability:.4f}"
        rows.append((each.label, each.answer, *sure, str(each.example)))
    return f"worst mistakes\n{aligned(rows, left=2)}"


def _figures(quality: Quality) -> Iterator[str]:
    low, high = quality.accuracy_interval
    yield f"accuracy  {quality.accuracy:.4f}   95% interval {low:.4f} to {high:.4f}"
    yield f"loss      {quality.loss:.4f}"
    yield (
        f"macro     precision {quality.macro_precision:.4f}, recall {quality.macro_recall:.4f}, "
        f"F1 {quality.macro_f1:.4f}"
    )
    for count, share in quality.top_k.items():
        yield f"top {count:5} {share:.4f}"
    if quality.calibration is not None:
        yield _calibration(quality.calibration)


def _calibration(found: Calibration) -> str:
    line = f"calibration error {found.error:.4f}, {found.maximum_error:.4f} in the worst bin"
    if found.temperature is None:
        return line
    return f"{line}; {found.error_after:.4f} with temperature {found.temperature:.3f}"


def _metrics(quality: Quality) -> Iterator[str]:
    width = max(map(len, quality.metrics))
    for name, value in quality.metrics.items():
        yield f"{name:{width}}  {value:.4f}"


def _notes(quality: Quality) -> Iterator[str]:
    for note in quality.notes:
        yield f"note: {note}"
