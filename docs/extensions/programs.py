"""Python programs as pages, so that a link to a recipe leads to something one can read."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.parsers import Parser


class ProgramParser(Parser):
    """Makes a page of a program: its name, and its text."""

    supported = ("program",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Fills the page."""
        self.setup_parse(inputstring, document)
        name = Path(document["source"]).name
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        section += nodes.title(name, name)
        section += nodes.literal_block(inputstring, inputstring, language="python")
        document += section
        self.finish_parse()


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_source_suffix(".py", "program")
    app.add_source_parser(ProgramParser)
    return {"parallel_read_safe": True}
