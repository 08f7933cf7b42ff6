"""Pages and plots about training runs."""

from tftrain.report.pages import RunReport, render

__all__ = ["RunReport", "render"]
