import dataclasses

import pytest

from tests.report.sample_pages import Parsed
from tftrain.compress.measuring import Measured
from tftrain.compress.reports import Report
from tftrain.compress.weight_counts import WeightCounts
from tftrain.latency import Latency
from tftrain.report import CompressionPage, render_compression


def measured(name, gzip_bytes, accuracy):
    return Measured(
        name=name, how="80% zeros", weights=WeightCounts(1000, 200, 30, 16, 0.8), file="tflite",
        bytes=5000, gzip_bytes=gzip_bytes, accuracy=accuracy, drop=0.9 - accuracy,
        worst_class="7", worst_class_drop=0.02,
        latency={"LiteRT": {1: Latency(0.1, 0.2, 0.3, 30), 32: Latency(1.0, 1.5, 1.8, 30)}},
    )  # fmt: skip


@pytest.fixture
def page():
    variants = (
        measured("dense", 4000, 0.9),
        measured("small", 500, 0.895),
        measured("tiny", 99, 0.5),
    )
    return CompressionPage(
        title="run <1>",
        report=Report(variants, 0.01),
        files={"small": ["small.keras", "small.tflite"]},
        settings={"prune": 0.8},
        environment={"keras": "3.15"},
    )


def test_the_page_needs_no_other_file(page):
    addresses = Parsed(render_compression(page)).addresses()
    assert all(address.startswith("data:") for address in addresses)


def test_it_shows_figures_files_and_settings(page):
    shown = render_compression(page)
    for part in ("small.keras, small.tflite", "8.0x", "0.100 (0.200)", "batch 32", "3.15", "0.8"):
        assert part in shown
    assert "run &lt;1&gt;" in shown
    assert "run <1>" not in shown


def test_the_recommended_row_and_those_beyond_the_drop_stand_out(page):
    shown = render_compression(page)
    assert '<tr class="chosen"><th scope="row">small</th>' in shown
    assert '<tr class="beyond"><th scope="row">tiny</th>' in shown
    assert "recommended: small" in shown


def test_without_latencies_there_is_no_such_section(page):
    bare = tuple(dataclasses.replace(one, latency={}) for one in page.report.variants)
    page = dataclasses.replace(page, report=Report(bare, 0.01))
    assert 'id="latency"' not in render_compression(page)
