"""Measured variants as text: what they are, and how fast."""

from __future__ import annotations

from collections.abc import Sequence

from tftrain.compress.measuring import Measured
from tftrain.text_tables import aligned

Row = tuple[str, ...]

SIZES = (
    *("variant", "bytes", "gzip", "smaller", "weights", "non-zero", "distinct (largest)"),
    *("accuracy", "drop", "worst class"),
)
SIZES_MEAN = (
    "smaller: times, by gzip, than the first. distinct: values, summed over kernels (of the kernel "
    "with most)."
)
LATENCY_MEANS = "A call in milliseconds, median (95th percentile), all timed in turns."


def size_rows(measured: Sequence[Measured]) -> list[Row]:
    """A row a variant, with the columns `SIZES`."""
    first = measured[0].gzip_bytes
    return [
        (
            one.name,
            f"{one.bytes:,}" + (" (.keras)" if one.file == "keras" else ""),
            f"{one.gzip_bytes:,}",
            f"{first / one.gzip_bytes:.1f}x",
            f"{one.weights.parameters:,}",
            f"{one.weights.nonzero:,}",
            f"{one.weights.distinct:,} ({one.weights.distinct_largest:,})",
            f"{one.accuracy:.4f}",
            f"{one.drop:.4f}",
            f"{one.worst_class}: {one.worst_class_drop:.4f}",
        )
        for one in measured
    ]


def latency_columns(measured: Sequence[Measured]) -> Row:
    """`variant`, `program` and one column a size of the batch."""
    return ("variant", "program", *(f"batch {size}" for size in _batch_sizes(measured)))


def latency_rows(measured: Sequence[Measured]) -> list[Row]:
    """A row a program of a variant, with the columns `latency_columns`."""
    return [
        (
            one.name,
            program,
            *(f"{by_size[size].median:.3f} ({by_size[size].p95:.3f})" for size in by_size),
        )
        for one in measured
        for program, by_size in one.latency.items()
    ]


def text(measured: Sequence[Measured]) -> str:
    """Both tables."""
    parts = [aligned([SIZES, *size_rows(measured)]), SIZES_MEAN]
    if any(one.latency for one in measured):
        rows = latency_rows(measured)
        parts += ["", aligned([latency_columns(measured), *rows], left=2), LATENCY_MEANS]
    return "\n".join(parts)


def _batch_sizes(measured: Sequence[Measured]) -> list[int]:
    return next((list(by_size) for one in measured for by_size in one.latency.values()), [])
