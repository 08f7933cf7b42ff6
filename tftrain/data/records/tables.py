"""A CSV file as a source: a row an example, numbers, and a column with the class."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tftrain.data.examples import Info
from tftrain.data.records.content import ArrayPart, Content, check_classes
from tftrain.data.records.schema import RAW, Schema
from tftrain.errors import DataError, suggestion

Row = tuple[list[float], str]


def read_table(path: Path, label: str | None, on_error: str) -> Content:
    """A table with a header row.

    Args:
        path: The file, UTF-8.
        label: Name of the column with the class; the last by default.
        on_error: At a row that cannot be used `stop`, or `skip` it.

    Returns:
        One split of float32 `[N, D]`. Classes that are the integers from 0 up are used as they
        are; others are numbered in their order, and keep their names.

    Raises:
        DataError: No such column, no column names, a cell that is no number (named by row and
            column), a row of another length, or one class only.
    """
    skipped: list[str] = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = _header(next(reader, []), path)
            at = _label_column(header, label, path)
            rows = list(_rows(reader, header, at, path, skipped if on_error == "skip" else None))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from error
    if not rows:
        raise DataError(f"{path} holds no usable rows below its header; at least one is needed")
    x = np.array([numbers for numbers, _ in rows], np.float32)
    labels, y = _numbered([name for _, name in rows], f"{path}, column {header[at]!r}")
    columns = tuple(name for number, name in enumerate(header) if number != at)
    part = ArrayPart(x, y)
    check_classes({"train": part}, labels, str(path))
    info = Info(path.stem, len(labels), labels, x.shape[1:], 1.0, str(path), "not stated")
    schema = Schema(RAW, "float32", x.shape[1:], columns)
    return Content(info, schema, {"train": part}, tuple(skipped))


def _header(cells: list[str], path: Path) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) < 2:
        raise DataError(f"{path} has {len(names)} columns; expected numbers and a class")
    if all(_number(name) is not None for name in names[:-1]):
        raise DataError(
            f"{path}: row 1 holds numbers; expected the columns' names: add a header row"
        )
    if len(set(names)) < len(names):
        raise DataError(f"{path}: two columns have the same name: {', '.join(names)}")
    return names


def _label_column(header: list[str], label: str | None, path: Path) -> int:
    if label is None:
        return len(header) - 1
    if label not in header:
        raise DataError(
            f"{path} has no column {label!r};{suggestion(label, header)} "
            f"its columns: {', '.join(header)}"
        )
    return header.index(label)


def _rows(
    reader: Iterator[list[str]], header: list[str], at: int, path: Path, skipped: list[str] | None
) -> Iterator[Row]:
    for number, cells in enumerate(reader, start=2):
        if not cells:  # an empty line
            continue
        try:
            yield _row(cells, header, at, f"{path}, row {number}")
        except DataError as error:
            if skipped is None:
                raise
            skipped.append(str(error))


def _row(cells: list[str], header: list[str], at: int, where: str) -> Row:
    if len(cells) != len(header):
        raise DataError(f"{where} has {len(cells)} cells; expected {len(header)}, as the header")
    numbers = []
    for name, cell in zip(header, cells, strict=True):
        if name == header[at]:
            continue
        number = _number(cell)
        if number is None:
            raise DataError(f"{where}, column {name!r}: {cell!r} is no number")
        numbers.append(number)
    if not cells[at].strip():
        raise DataError(f"{where}, column {header[at]!r}: the class is empty")
    return numbers, cells[at].strip()


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _numbered(names: list[str], where: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels in order, and the class index of each row."""
    values = {name: _number(name) for name in set(names)}
    numeric = all(value is not None for value in values.values())
    if numeric and any(value != int(value) for value in values.values()):
        raise DataError(
            f"{where} holds numbers with fractions; expected classes: names or whole numbers. "
            "--label=NAME tells which column holds the class"
        )
    order = sorted(values, key=lambda name: (values[name] if numeric else 0, name))
    index = {name: number for number, name in enumerate(order)}
    return tuple(order), np.array([index[name] for name in names], np.int64)
