"""How much the accuracy depends on what ought not to matter: seeds, noise, precision, strategy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from matplotlib.figure import Figure

from tftrain.report.pictures import drawn
from tftrain.report.sections import NOTHING, Section, Table

_TITLES = {
    "seeds": "Other seeds",
    "corruptions": "Corrupted inputs",
    "precisions": "Other precisions",
    "strategies": "Other strategies",
}
_NOTE = (
    "A star marks a change that exceeds the noise: p, the probability of one as large by chance "
    "alone (McNemar's exact test, corrected by Holm for the rows of its group), is below 5%."
)
_SUMMARY = ("", "mean accuracy", "standard deviation", "worst", "worst case")


def section(stability: Mapping[str, Any] | None, figure: Figure | None) -> Section | None:
    """What `tftrain evaluate --stability` found; None where it was not measured.

    Args:
        stability: That section of evaluation.json.
        figure: The same, drawn.
    """
    if not stability:
        return None
    baseline = stability["baseline"]
    texts = [stability["verdict"]] if stability.get("verdict") else []
    texts.append(f"All is beside the accuracy of {baseline['accuracy']:.4f} as trained.")
    return Section(
        "stability",
        "Stability",
        texts=texts,
        pictures=[drawn(figure, " ".join(texts))] if figure else (),
        tables=list(_tables(stability)),
        notes=[_NOTE, *(f"{note}." for note in stability.get("notes") or ())],
    )


def _tables(stability: Mapping[str, Any]) -> Iterator[Table]:
    summaries = [_summary(one) for one in stability.get("summaries") or ()]
    if summaries:
        yield Table(_SUMMARY, summaries, "Summary of each group", "Summary")
    for group, rows in itertools.groupby(stability["rows"], key=lambda row: row["group"]):
        of_group = list(rows)
        title = _TITLES.get(group, group)
        if any(row.get("strength") is not None for row in of_group):
            yield _by_strength(of_group, title)
        else:
            columns = ("", "accuracy", "change, points", "95% interval", "p")
            yield Table(columns, [_row(row) for row in of_group], title, title)


def _by_strength(rows: list[Mapping[str, Any]], title: str) -> Table:
    """A row a corruption, a column a strength."""
    strengths = sorted({row["strength"] for row in rows})
    found = {(row["case"], row["strength"]): _accuracy(row) for row in rows}
    cells = [
        (case, *(found.get((case, strength), NOTHING) for strength in strengths))
        for case in dict.fromkeys(row["case"] for row in rows)
    ]
    columns = ("accuracy at strength", *map(str, strengths))
    return Table(columns, cells, f"{title}: accuracy by strength", title)


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = row["interval"]
    return (
        row["case"],
        _accuracy(row),
        f"{100 * row['change']:+.2f}",
        f"{100 * low:+.2f} to {100 * high:+.2f}",
        f"{row['adjusted_p_value']:.2g}",
    )


def _accuracy(row: Mapping[str, Any]) -> str:
    return f"{row['accuracy']:.4f}" + "*" * row["exceeds_noise"]


def _summary(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        _TITLES.get(one["group"], one["group"]),
        _number(one.get("mean"), ".4f"),
        _number(one.get("standard_deviation"), ".4f"),
        _number(one.get("worst"), ".4f"),
        str(one.get("worst_case") or NOTHING),
    )


def _number(value: float | None, form: str) -> str:
    return NOTHING if value is None else format(value, form)
