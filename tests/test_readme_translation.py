"""The Chinese README says what the English one does: same commands, same code, same links."""

import io
import re
import tokenize
from itertools import zip_longest
from pathlib import Path

import pytest

import tftrain

ROOT = Path(tftrain.__file__).parents[1]
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def without_comments(language, code):
    """Code whose comments, and the blanks before them, are gone."""
    if language == "python":
        tokens = tokenize.generate_tokens(io.StringIO(code).readline)
        comments = [token for token in tokens if token.type == tokenize.COMMENT]
        lines = code.splitlines()
        for token in comments:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
        return "\n".join(lines)
    if language == "sh":
        return "\n".join(re.sub(r"\s+#\s.*$", "", line) for line in code.splitlines())
    return code


def blocks(name):
    return [(language, without_comments(language, code)) for language, code in BLOCK.findall(name)]


def outline(text):
    return [len(marks) for marks in re.findall(r"^(#+) ", BLOCK.sub("", text), re.MULTILINE)]


def targets(text, other):
    found = re.findall(r"\]\(([^)]+)\)", BLOCK.sub("", text))
    assert other in found, f"no link to {other}"
    return {target for target in found if target != other}


def test_code_blocks_are_the_same_but_for_comments():
    pairs = zip_longest(blocks(read(ENGLISH)), blocks(read(CHINESE)), fillvalue=("", "(none)"))
    for number, (english, chinese) in enumerate(pairs, start=1):
        assert english == chinese, (
            f"code block {number} differs. {ENGLISH} has\n{english[1]}\n{CHINESE} has\n{chinese[1]}"
        )


def test_headings_have_the_same_levels():
    assert outline(read(ENGLISH)) == outline(read(CHINESE))


def test_links_lead_to_the_same_places():
    english, chinese = targets(read(ENGLISH), CHINESE), targets(read(CHINESE), ENGLISH)
    assert english - chinese == set(), f"{CHINESE} lacks links"
    assert chinese - english == set(), f"{CHINESE} has links that {ENGLISH} lacks"


def test_links_lead_somewhere():
    for target in targets(read(CHINESE), ENGLISH):
        assert (ROOT / target).exists() or target.startswith("http")


@pytest.mark.parametrize(
    ("language", "code", "bare"),
    [
        (
            "sh",
            "tftrain train --schedule=step  # why\nls '#1'",
            "tftrain train --schedule=step\nls '#1'",
        ),
        ("python", "x = '#'  # why\ny = 1", "x = '#'\ny = 1"),
        ("", "# output", "# output"),
    ],
)
def test_only_comments_may_differ(language, code, bare):
    assert without_comments(language, code) == bare


def test_inline_code_is_the_same():
    """Names of commands, flags and functions in the running text are not translated."""
    of = {
        name: set(re.findall(r"`([^`\n]+)`", BLOCK.sub("", read(name))))
        for name in (ENGLISH, CHINESE)
    }
    assert of[ENGLISH] - of[CHINESE] == set(), f"{CHINESE} lacks names"
    assert of[CHINESE] - of[ENGLISH] == set(), f"{CHINESE} has other names"
