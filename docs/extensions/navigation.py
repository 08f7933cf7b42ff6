"""What stands in the sidebar, apart from the pages: those read as plain Markdown elsewhere too.

`navigation` in conf.py gives, for each page with pages beneath it, groups of patterns with a
caption or None. A page that none of them matches is a warning of Sphinx.
"""

from __future__ import annotations

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("navigation", {}, "env")
    app.connect("source-read", _append)
    return {"parallel_read_safe": True}


def _append(app: Sphinx, docname: str, source: list[str]) -> None:
    groups = app.config.navigation.get(docname, ())
    source[0] += "".join(_toctree(caption, patterns) for caption, patterns in groups)


def _toctree(caption: str | None, patterns: list[str]) -> str:
    options = [":glob:", ":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n\n" + "\n".join(["```{toctree}", *options, "", *patterns, "```", ""])
