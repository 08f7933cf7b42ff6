"""Pages and plots about runs."""

from tftrain.report.compression_pages import CompressionPage, render_compression
from tftrain.report.compression_section import Compressed
from tftrain.report.pages import RunReport, render

__all__ = ["Compressed", "CompressionPage", "RunReport", "render", "render_compression"]
