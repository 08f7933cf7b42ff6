"""What the documents show, as a reader would take it: Python, command lines."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "recipes/README.md"])
MARK = re.compile(r"<!-- (run|not run: .+) -->\n")
HEREDOC = re.compile(r"^python - <<'(\w+)'\n(.*?)^\1\n", re.MULTILINE | re.DOTALL)
SHELLS = ("sh", "bash", "")  # an indented block has no language
SEPARATORS = ("|", "&&", ";")


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        language: As the page says; of an indented block "".
        text: What stands in it.
        line: Its first line in the page, from 1.
        mark: What the comment before it says: `run`, or `not run: ` and a reason; else "".
    """

    language: str
    text: str
    line: int
    mark: str

    @property
    def is_run(self) -> bool:
        """Python unless it is marked, commands if they are marked."""
        return not self.mark if self.language == "python" else self.mark == "run"


def blocks(page: Path) -> list[Block]:
    """All blocks of code, in their order."""
    found, before = [], None
    for token in MarkdownIt().parse(page.read_text()):
        if token.type in ("fence", "code_block"):
            mark = before and before.type == "html_block" and MARK.fullmatch(before.content)
            line = token.map[0] + (2 if token.type == "fence" else 1)
            found.append(Block(token.info, token.content, line, mark[1] if mark else ""))
        before = token
    return found


def programs(page: Path) -> list[Block]:
    """Blocks of Python, those in a shell's `python - <<'PYTHON'` among them."""
    found = []
    for block in blocks(page):
        if block.language == "python":
            found.append(block)
        for heredoc in HEREDOC.finditer(block.text) if block.language in SHELLS else ():
            line = block.line + block.text[: heredoc.start(2)].count("\n")
            found.append(Block("python", heredoc[2], line, block.mark))
        if block.language in SHELLS and block.is_run:
            found.append(dataclasses.replace(block, text=_as_python(block.text)))
    return found


def _as_python(text: str) -> str:
    """The commands of tftrain that stand in a block, called."""
    calls = [f"assert main({words[1:]}) == 0" for words in _commands(text)]
    return f"from tftrain.cli.main import main; {'; '.join(calls)}\n"


def program(page: Path) -> str:
    """The Python of the page that is to run, each line where it is in the page."""
    lines: list[str] = []
    for block in programs(page):
        if block.is_run:
            lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every command of shell blocks and indented blocks."""
    for block in blocks(page):
        if block.language in SHELLS:
            yield from _commands(HEREDOC.sub("", block.text))


def mentions(page: Path) -> Iterator[list[str]]:
    """The words of every `tftrain ...` and `python ...` within the text."""
    for token in MarkdownIt().enable("table").parse(page.read_text()):
        for child in token.children or ():
            if child.type == "code_inline" and child.content.startswith(("tftrain ", "python ")):
                yield from _parts(shlex.split(child.content))


def _commands(text: str) -> Iterator[list[str]]:
    unfinished = ""
    for line in text.splitlines():
        unfinished += line.removesuffix("\\") if line.endswith("\\") else line + "\n"
        if line.endswith("\\"):
            continue
        try:
            words = shlex.split(unfinished, comments=True)
        except ValueError:  # a quotation that goes on
            continue
        unfinished = ""
        yield from _parts(words)


def _parts(words: list[str]) -> Iterator[list[str]]:
    """The commands of one line, without what they are started by and variables set for them."""
    part: list[str] = []
    for word in [*words, ";"]:
        if word not in SEPARATORS:
            if part or not re.match(r"[A-Z_]+=|srun$", word):
                part.append(word)
            continue
        if part:
            yield part
        if "--" in part:
            yield part[part.index("--") + 1 :]
        part = []
