"""What the guide to planning prints is what its commands print."""

import itertools
import shlex

import pytest

from tests import documents
from tftrain.cli.main import main

PAGE = documents.ROOT / "docs/how-to/plan-a-training.md"
SHOWN = [
    (shlex.split(command.text.replace("\\\n", " ")), printed.text)
    for command, printed in itertools.pairwise(documents.blocks(PAGE))
    if command.language == "sh" and printed.language == "text"
]


@pytest.mark.parametrize(("words", "printed"), SHOWN, ids=lambda each: " ".join(each[2:5]))
def test_commands_print_what_is_shown(words, printed, capsys):
    main(words[1:])
    shown = capsys.readouterr()
    assert (shown.out or shown.err) == printed


def test_there_is_something_to_compare():
    assert len(SHOWN) >= 6
