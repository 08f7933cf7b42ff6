"""The directive `{command-help}`: a section a command, made of what its `--help` prints."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tftrain.cli.main import COMMANDS, main

FLAG = re.compile(r"^  --(\w+)(\S*) +(.*)$")


def commands() -> Iterator[tuple[str, ...]]:
    """Every command, and those that commands have of their own."""
    for name in COMMANDS:
        yield (name,)
        module = importlib.import_module(f"tftrain.cli.{name}")
        for second in getattr(module, "COMMANDS", ()):
            yield (name, second)


def printed(command: tuple[str, ...]) -> str:
    """What `tftrain COMMAND --help` prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = main([*command, "--help"])
    if status:
        raise RuntimeError(f"tftrain {' '.join(command)} --help ends with {status}")
    return output.getvalue()


class CommandHelp(SphinxDirective):
    """Sections of all commands."""

    def run(self) -> list[nodes.Node]:
        """Made anew whenever the page is built."""
        self.env.note_reread()
        return [self._section(command) for command in commands()]

    def _section(self, command: tuple[str, ...]) -> nodes.section:
        name = " ".join(("tftrain", *command))
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        section += nodes.title("", "", nodes.literal(name, name))
        meaning, _, flags = printed(command).partition("\n\nFlags:\n")
        section += nodes.literal_block(meaning, meaning, language="text")
        section += self._flags(nodes.make_id(name), flags.splitlines())
        return section

    def _flags(self, prefix: str, lines: list[str]) -> nodes.definition_list:
        flags = nodes.definition_list(classes=["flags"], support_smartquotes=False)  # --, no dash
        for line in lines:
            name, value, meaning = FLAG.match(line).groups()
            shown = f"--{name}{value}"
            item = nodes.definition_list_item()
            anchor = f"{prefix}-{nodes.make_id(name)}"
            item += nodes.term("", "", nodes.literal(shown, shown), ids=[anchor])
            item += nodes.definition("", nodes.paragraph(meaning, meaning))
            flags += item
        return flags


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
