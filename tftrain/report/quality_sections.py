"""How good the answers are, how far they can be trusted, and the worst of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tftrain.report import plots
from tftrain.report.pictures import Photo, drawn
from tftrain.report.sections import NOTHING, Section, Table

_COLUMNS = ("class", "precision", "recall", "F1", "examples")
_TABLE_UP_TO = 20  # classes; more are a picture


def quality(judged: Mapping[str, Any]) -> Section:
    """What is right and what is taken for what.

    Args:
        judged: The content of a `tftrain.evaluate.Quality`, as a dict.
    """
    labels, counts = judged["labels"], np.array(judged["confusion"])
    title = "By class, the worst first" if len(labels) > _TABLE_UP_TO else "By class"
    classes = Table(_COLUMNS, _class_rows(judged), "Figures of each class", title)
    is_table = len(labels) <= _TABLE_UP_TO
    figure = None if is_table else plots.confusion_matrix(counts, labels)
    return Section(
        "quality",
        "Quality",
        texts=[_in_words(judged)],
        tables=[classes],
        confusion=confusion(counts, labels) if is_table else None,
        pictures=[drawn(figure, _most_confused(counts, labels))] if figure else (),
        notes=[
            "Rows are what is true, columns what the model said; the shade is the share of a row.",
            *(f"Note: {note}." for note in judged.get("notes") or ()),
        ],
    )


def calibration(judged: Mapping[str, Any], figure: Figure | None) -> Section | None:
    """Whether the model is right as often as it says; None where that was not measured."""
    found = judged.get("calibration")
    if not found:
        return None
    rows = [("expected error", f"{found['error']:.4f}", _share(found.get("error_after")))]
    rows += [("largest error of a bin", f"{found['maximum_error']:.4f}", NOTHING)]
    rows += [("temperature", "1", _share(found.get("temperature")))]
    alt = f"Accuracy against confidence; expected calibration error {found['error']:.4f}"
    return Section(
        "calibration",
        "Calibration",
        texts=["Whether the model is right as often as it says it is."],
        pictures=[drawn(figure, alt)] if figure else (),
        tables=[
            Table(("", "as trained", "with temperature"), rows, "Calibration errors"),
            Table(
                ("confidence", "says", "is right", "examples"),
                _bin_rows(found["bins"]),
                "Confidence and accuracy, by confidence",
            ),
        ],
        notes=[
            "The temperature is fitted on the validation examples; the errors are of the test set."
        ],
    )


def mistakes(photos: Sequence[Photo], wrong: int, examples: int) -> Section:
    """The worst mistakes.

    Args:
        photos: Of them, the most confident answer first; possibly none.
        wrong: How many wrong answers there are.
        examples: In the test set.
    """
    told = f"{wrong:,} of {examples:,} answers are wrong"
    if not wrong:
        told = "None: every test example was classified correctly."
    elif len(photos) < wrong:
        told += f"; here are the {len(photos)} that the model was surest of."
    else:
        told += "; the one that the model was surest of comes first."
    return Section("mistakes", "Worst mistakes", texts=[told], mistakes=photos)


def confusion(counts: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """A confusion matrix as the page's template shows it.

    The shade of a cell is the cube root of its share, so that rare mistakes show beside a full
    diagonal.

    Args:
        counts: `[K, K]`; row: true class, column: predicted class.
        labels: Names of the K classes.
    """
    shares = np.cbrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    rows = [
        (label, [_cell(counts, shares, row, column) for column in range(len(labels))])
        for row, label in enumerate(labels)
    ]
    return {"labels": labels, "rows": rows}


def _cell(counts: np.ndarray, shares: np.ndarray, row: int, column: int) -> dict[str, Any]:
    share = float(shares[row, column])
    kind = "right" if row == column else "wrong"
    strong = " strong" if share > 0.75 else ""
    # In between neither ink nor its contrary would be legible.
    shade = max(0.92, share) if strong else 0.55 * share
    return {"count": int(counts[row, column]), "kind": kind + strong, "share": f"{shade:.2f}"}


def _class_rows(judged: Mapping[str, Any]) -> list[tuple[str, ...]]:
    columns = ("labels", "precision", "recall", "f1", "support")
    rows = list(zip(*(judged[column] for column in columns), strict=True))
    if len(rows) > _TABLE_UP_TO:
        rows.sort(key=lambda row: row[3])
    return [(str(name), *(f"{x:.3f}" for x in three), f"{n:,}") for name, *three, n in rows]


def _in_words(judged: Mapping[str, Any]) -> str:
    parts = [f"Of {sum(judged['support']):,} test examples {judged['accuracy']:.2%} are right"]
    if interval := judged.get("accuracy_interval"):
        parts[0] += f" (95% interval {interval[0]:.2%} to {interval[1]:.2%})"
    for count, share in (judged.get("top_k") or {}).items():
        parts.append(f"{share:.2%} have the right class among the {count} most probable")
    if (macro := judged.get("macro_f1")) is not None:
        parts.append(f"the mean F1 of the classes is {macro:.3f}")
    return "; ".join(parts) + "."


def _most_confused(counts: np.ndarray, labels: Sequence[str]) -> str:
    wrong = counts - np.diag(np.diag(counts))
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    told = f"Confusion matrix of {len(labels)} classes"
    if not wrong.any():
        return told + "; nothing was taken for anything else"
    pair = f"{labels[row]} was taken for {labels[column]}"
    return f"{told}; most often, {wrong[row, column]} times, {pair}"


def _bin_rows(bins: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            f"{one['low']:.0%} to {one['high']:.0%}",
            f"{one['confidence']:.1%}",
            f"{one['accuracy']:.1%}",
            f"{one['examples']:,}",
        )
        for one in bins
        if one["examples"]
    ]


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4g}"
