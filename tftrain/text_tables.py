"""Tables as text for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Lines whose columns line up, the first `left` ones to the left.

    Example:
        >>> print(aligned([("name", "size"), ("a", "1"), ("long name", "1,000")]))
        name        size
        a              1
        long name  1,000
    """
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            _padded(cell, wide, place < left)
            for place, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def heading(name: str) -> str:
    """A figure's name as the head of its column.

    Example:
        >>> heading("examples_per_second"), heading("train_seconds"), heading("parameters")
        ('examples/s', 'train s', 'parameters')
    """
    return name.replace("_per_second", "/s").replace("_seconds", " s").replace("_", " ")


def shown(value: Any, nothing: str = "-") -> str:
    """A figure or a word in a cell.

    Example:
        >>> shown(101770), shown(12.345678), shown(41986.2), shown(None), shown("keras")
        ('101,770', '12.35', '41,986', '-', 'keras')
    """
    if value is None:
        return nothing
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if is_count else str(value)


def width(text: str) -> int:
    """Columns that a text takes: two a Chinese character, none an accent of its own.

    Example:
        >>> width("caf\\u00e9"), width("\\u6570\\u5b57"), width("e\\u0301")
        (4, 4, 1)
    """
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


def _padded(cell: str, wide: int, to_the_left: bool) -> str:
    blank = " " * (wide - width(cell))
    return cell + blank if to_the_left else blank + cell
