"""One HTML page about the variants of a compressed model, that needs no other file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tftrain.report import templates
from tftrain.report.pictures import drawn

if TYPE_CHECKING:
    from tftrain.compress import Report
    from tftrain.compress.measuring import Measured


@dataclasses.dataclass(frozen=True)
class CompressionPage:
    """What the page shows.

    Attributes:
        title: The run's name.
        report: The variants' figures.
        files: Names of the files of each variant, by its name.
        settings: What was asked for.
        environment: Versions and machine.
    """

    title: str
    report: Report
    files: Mapping[str, Sequence[str]]
    settings: Mapping[str, Any]
    environment: Mapping[str, str]


def render_compression(page: CompressionPage) -> str:
    """The page as HTML."""
    from tftrain.compress import report_tables  # with Keras, which --help must not wait for

    measured = page.report.variants
    return templates.render(
        "compression.html",
        title=f"{page.title}, compressed",
        told="",
        contents=(),
        page=page,
        verdict=page.report.verdict,
        picture=drawn(page.report.figure(), "Size of each variant's file against its accuracy"),
        sizes=report_tables.SIZES,
        sizes_mean=report_tables.SIZES_MEAN,
        variants=report_tables.size_rows(measured),
        kinds=[_kind(page.report, one) for one in measured],
        latency_columns=report_tables.latency_columns(measured),
        latencies=report_tables.latency_rows(measured),
        latency_means=report_tables.LATENCY_MEANS,
        made=[(one.name, one.how, ", ".join(page.files.get(one.name, []))) for one in measured],
        facts={"Settings": page.settings, "Environment": page.environment},
    )


def _kind(report: Report, variant: Measured) -> str:
    if variant is report.recommended:
        return "chosen"
    return "" if report.allows(variant) else "beyond"
