"""Command lines that the documents show have flags that exist, and programs that are there."""

import configparser
import re

import pytest
from absl import flags

from tests import documents
from tftrain.cli import arguments
from tftrain.cli.main import COMMANDS, find

ROOT = documents.ROOT
OF_EVERY_COMMAND = ("--help", "--debug", "--verbose")


def name(page):
    return str(page.relative_to(ROOT))


def flags_of(words):
    """The flags of a command of tftrain, and what follows its name."""
    command, rest = find(words[1:])
    values = flags.FlagValues()
    command.define_flags(values)
    return values, rest


def wrong_in(words):
    """What is wrong with a command of tftrain."""
    values, rest = flags_of(words)
    return arguments.parse(values, [word for word in rest if word not in OF_EVERY_COMMAND]).problems


def is_ours(words):
    """Whether it is a command, and not a line that one has printed."""
    return words[0] == "tftrain" and not (len(words) > 1 and words[1].endswith(":"))


@pytest.mark.parametrize("page", documents.PAGES, ids=name)
def test_commands_have_flags_that_exist(page):
    for words in filter(is_ours, documents.commands(page)):
        assert wrong_in(words) == (), words


@pytest.mark.parametrize("page", documents.PAGES, ids=name)
def test_flags_within_the_text_exist_too(page):
    for words in documents.mentions(page):
        if words[0] == "tftrain" and words[1] in COMMANDS:
            known = {*flags_of(words)[0], "help", "debug", "verbose"}
            own = words[: words.index("--")] if "--" in words else words
            for flag in re.findall(r"--(\w+)", " ".join(own)):
                assert flag in known or flag.removeprefix("no") in known, words


FIRST_STEPS = [ROOT / page for page in ("README.md", "README.zh-CN.md", "docs/quickstart.md")]


@pytest.mark.parametrize("page", FIRST_STEPS, ids=name)
def test_what_a_command_needs_is_installed_before_it(page):
    extras = set()
    for words in documents.commands(page):
        if words[:2] == ["pip", "install"]:
            extras.update(re.findall(r"\[(\w+)\]", " ".join(words)))
        elif words[0] == "tftrain" and words[1] in ("serve", "sweep"):
            assert {"serve": "serving", "sweep": "sweep"}[words[1]] in extras, words


@pytest.mark.parametrize("page", documents.PAGES, ids=name)
def test_programs_are_there_and_have_the_flags(page):
    for words in [*documents.commands(page), *documents.mentions(page)]:
        if words[0] != "python" or not words[1].startswith(("recipes/", "benchmarks/")):
            continue
        program = ROOT / words[1]
        text = "".join(path.read_text() for path in [program, *program.parent.glob("*.py")])
        for flag in re.findall(r"--(\w+)", " ".join(words[2:])):
            assert re.search(rf'"(--)?{flag}"', text), words


@pytest.mark.parametrize("page", documents.PAGES, ids=name)
def test_extras_and_make_targets_exist(page):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    makefile = (ROOT / "Makefile").read_text()
    for words in documents.commands(page):
        for extra in re.findall(r"\[(\w+)\]", " ".join(words)) if words[0] == "pip" else ():
            assert extra in setup["options.extras_require"], words
        if words[0] == "make":
            assert f"\n{words[1]}:" in makefile


def test_marks_are_looked_for_where_they_stand(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: needs a TPU -->\n\n```python\n1 / 0\n```\n\ntext\n\n"
        "```python\nx = 1\n```\n\n"
        "<!-- run -->\n\n```sh\ntftrain data verify sets/digits\n```\n"
    )
    assert [block.mark for block in documents.blocks(page)] == ["not run: needs a TPU", "", "run"]
    lines = documents.program(page).splitlines()
    assert lines[9] == "x = 1"
    assert lines[-1].endswith("assert main(['data', 'verify', 'sets/digits']) == 0")
    assert not any("1 / 0" in line for line in lines)


def test_a_wrong_flag_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\nTF_CONFIG='{\n}' tftrain launch --workers=2 -- tftrain train --epoch=1\n```\n"
    )
    commands = list(documents.commands(page))
    assert [wrong_in(words) == () for words in commands] == [True, False]
