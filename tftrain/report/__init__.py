"""Pages and plots about runs."""

from tftrain.report.comparison_pages import ComparisonPage, render_comparison
from tftrain.report.compression_pages import CompressionPage, render_compression
from tftrain.report.compression_section import Compressed
from tftrain.report.pages import RunReport, render

__all__ = [
    "ComparisonPage",
    "Compressed",
    "CompressionPage",
    "RunReport",
    "render",
    "render_comparison",
    "render_compression",
]
