"""Tables as text for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


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
