"""The site is built without a warning, and everything in it can be found and followed."""

import html.parser
import importlib
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import tftrain
from tests import documents, warm_python

START = "docs/index.html"
MADE_BY_SPHINX = {"genindex.html", "py-modindex.html", "search.html"}


class Page(html.parser.HTMLParser):
    """Its links, what it needs to be shown, the names that links may lead to, and its text."""

    def __init__(self, content):
        super().__init__()
        self.links, self.fetched, self.names, self.pieces = set(), set(), set(), []
        self.feed(content)
        self.text = "".join(self.pieces)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.names.add(attributes.get("id"))
        for name in ("href", "src"):
            if attributes.get(name):
                self.links.add(attributes[name])
                if tag != "a":
                    self.fetched.add(attributes[name])

    def handle_data(self, data):
        self.pieces.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the site is."""
    out = tmp_path_factory.mktemp("site")
    options = ["-W", "--keep-going", "-q", "-d", out / "doctrees", "-c", "docs", "."]
    built = subprocess.run(
        warm_python.command("-m", "sphinx", *options, out / "html"),
        cwd=documents.ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (built.returncode, built.stderr) == (0, "")
    return out / "html"


@pytest.fixture(scope="module")
def pages(folder):
    """Every page by its path."""
    return {
        str(path.relative_to(folder)): Page(path.read_text())
        for path in folder.rglob("*.html")
        if "_static" not in path.parts
    }


def targets(name, page):
    """The files and anchors within the site that a page names."""
    for link in page.links:
        parts = urlsplit(link)
        if not parts.scheme and not parts.netloc:
            path = (Path("/", name).parent / unquote(parts.path)) if parts.path else Path("/", name)
            yield str(path.resolve())[1:], unquote(parts.fragment)


def test_no_page_needs_a_network(pages):
    for name, page in pages.items():
        assert not [address for address in page.fetched if urlsplit(address).netloc], name


def test_formulas_are_formulas(folder):
    page = (folder / "docs/from-the-articles/optimization.html").read_text()
    assert "<mfrac>" in page
    assert "\\frac" not in page


def test_no_link_is_broken(folder, pages):
    for name, page in pages.items():
        for target, anchor in targets(name, page):
            assert (folder / target).is_file(), f"{name} links to {target}"
            known = not anchor or target not in pages or anchor in pages[target].names
            assert known, f"{name} links to {target}#{anchor}"


def test_every_page_can_be_reached(pages):
    reached, left = {START}, [START]
    while left:
        name = left.pop()
        new = {target for target, _ in targets(name, pages[name]) if target in pages} - reached
        reached |= new
        left += new
    assert pages.keys() - reached - MADE_BY_SPHINX == {"index.html"}
    assert START in dict(targets("index.html", pages["index.html"]))


def test_every_document_is_a_page(pages):
    for path in documents.PAGES:
        assert str(path.relative_to(documents.ROOT).with_suffix(".html")) in pages


def test_every_public_name_is_described(pages):
    described = set().union(*(page.names for page in pages.values()))
    packages = [name for name in tftrain.__all__ if name not in ("__version__", "fit")]
    for package in packages:
        module = importlib.import_module(f"tftrain.{package}")
        for name in getattr(module, "__all__", ()):
            if callable(getattr(module, name)):
                assert f"tftrain.{package}.{name}" in described
    assert "tftrain.fit" in described


def test_types_have_the_names_one_imports_them_by(pages):
    text = pages["docs/reference/models.html"].text
    assert "keras.Model" in text
    assert "keras.src" not in text


def test_the_command_line_is_described_as_it_is(pages):
    from command_help import commands, printed

    page = pages["docs/command-line.html"]
    shown = "".join(page.text.split())
    for command in commands():
        assert "-".join(("tftrain", *command, "debug")) in page.names
        for line in printed(command).replace("Flags:\n", "").splitlines():
            assert "".join(line.split()) in shown


def test_a_recipe_is_a_page_with_its_text(pages):
    recipe = documents.ROOT / "recipes/mnist_mlp.py"
    assert recipe.read_text().strip() in pages["recipes/mnist_mlp.html"].text
