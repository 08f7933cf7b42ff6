"""Links from file to file lead somewhere, in the repository as it is shown without the site."""

import itertools
import re
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt

from tests import documents

ROOT = documents.ROOT


def targets(page):
    """What the page links to and shows, apart from addresses elsewhere."""
    for token in MarkdownIt().enable("table").parse(page.read_text()):
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if target and not re.match(r"[a-z]+:", target):
                yield unquote(target)


def anchors(page):
    """Of every heading, as forges and the site make them."""
    tokens = MarkdownIt().parse(page.read_text())
    titles = [
        after.content for one, after in itertools.pairwise(tokens) if one.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", documents.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_targets_are_there(page):
    for target in targets(page):
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("page", documents.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_are_there(page):
    for token in MarkdownIt().enable("table").parse(page.read_text()):
        for child in token.children or ():
            if re.fullmatch(r"(tests|recipes|benchmarks)/[\w/]+\.py", child.content):
                assert (ROOT / child.content).is_file(), child.content
