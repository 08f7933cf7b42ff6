"""What `tftrain compress` made of a run's model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tftrain.report.pictures import drawn_elsewhere
from tftrain.report.sections import NOTHING, Section, Table

_COLUMNS = (
    "variant",
    "bytes",
    "gzip",
    "smaller",
    "nonzero weights",
    "accuracy",
    "lost",
    "batch 1, ms",
)
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Compressed:
    """What lies in the folder of a compression.

    Attributes:
        document: The content of compression.json.
        picture: That of compression.png, if it is there.
        is_older: Whether the model has been written since.
    """

    document: Mapping[str, Any]
    picture: bytes | None
    is_older: bool


def section(compressed: Compressed | None) -> Section | None:
    """The variants side by side; None where there are none."""
    if compressed is None:
        return None
    variants = compressed.document["variants"]
    notes = ["Smaller: by gzip, beside the first. Lost: accuracy. Latency is the median in LiteRT."]
    if compressed.is_older:
        notes.insert(0, "These files are older than the model: they may be of one before it.")
    alt = "Size of each variant's file against its accuracy; the table has the figures"
    return Section(
        "compression",
        "Compression",
        texts=[_in_words(compressed.document)],
        pictures=[drawn_elsewhere(compressed.picture, alt)] if compressed.picture else (),
        tables=[
            Table(
                _COLUMNS,
                [_row(one, variants[0]) for one in variants],
                "Variants: size, accuracy, latency",
                marks=[_mark(one, compressed.document) for one in variants],
            ),
            Table(("variant", "how it was made"), [(v["name"], v["how"]) for v in variants],
                  "How each variant was made", kind="words"),
        ],
        notes=notes,
    )  # fmt: skip


def _in_words(document: Mapping[str, Any]) -> str:
    allowed = f"{document['max_accuracy_drop']:g}"
    if document["recommended"]:
        return (
            f"Recommended is {document['recommended']}: the smallest that loses at most {allowed}."
        )
    return f"No variant is recommended: all lose more than the allowed {allowed}."


def _row(one: Mapping[str, Any], first: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        one["name"],
        f"{one['bytes']:,}",
        f"{one['gzip_bytes']:,}",
        f"{first['gzip_bytes'] / one['gzip_bytes']:.1f}x",
        f"{one['weights']['nonzero']:,}",
        f"{one['accuracy']:.4f}",
        f"{one['drop']:.4f}",
        _latency(one["latency"]),
    )


def _latency(programs: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    of_one = programs.get("LiteRT", {}).get("1")  # JSON has texts for sizes of a batch
    return f"{of_one['median']:.3f}" if of_one else NOTHING


def _mark(one: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    if one["name"] == document["recommended"]:
        return "chosen"
    return "beyond" if one["drop"] > document["max_accuracy_drop"] + _ROUNDING else ""
