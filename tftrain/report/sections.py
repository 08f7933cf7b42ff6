"""What a page is made of: sections of texts, pictures and tables, which one template lays out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tftrain.report.pictures import Photo, Picture

NOTHING = "\N{EN DASH}"  # in a cell that has no figure


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of cells as they are to be read.

    Attributes:
        columns: Their headings.
        rows: A cell a column; the first heads the row.
        label: What it shows, for those who hear the page.
        title: A heading above it, if any.
        kind: `numbers`, to the right but for the first column, or `words`.
        marks: A row's class, one a row: `chosen`, `beyond` or none; empty for no marks at all.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    label: str
    title: str = ""
    kind: str = "numbers"
    marks: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading and what stands beneath it, in the order of the attributes.

    Attributes:
        id: Of the element, unique in the page.
        title: The heading.
        texts: Paragraphs.
        legend: Pairs of a name and its colour in the pictures.
        pictures: Drawn ones.
        mistakes: Examples answered wrongly.
        tables: Side by side where there is room.
        confusion: A `quality_sections.confusion`, if any.
        facts: Names and values.
        commands: Pairs of a sentence and lines to paste.
        missing: Pairs of what is not there and the command that brings it.
        notes: Small print.
    """

    id: str
    title: str
    texts: Sequence[str] = ()
    legend: Sequence[tuple[str, str]] = ()
    pictures: Sequence[Picture] = ()
    mistakes: Sequence[Photo] = ()
    tables: Sequence[Table] = ()
    confusion: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] | None = None
    commands: Sequence[tuple[str, Sequence[str]]] = ()
    missing: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
