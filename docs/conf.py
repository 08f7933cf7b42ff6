"""The site of the documentation: `make docs` builds it into build/docs.

The source folder is the repository's root (`sphinx-build -c docs . build/docs`), so that a link
from file to file is the same on the site and in the repository.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE / "extensions")]

import tftrain  # noqa: E402

project = "tftrain"
release = tftrain.__version__
root_doc = "docs/index"
include_patterns = ["docs/**.md", "recipes/README.md", "recipes/*.py", "*.md"]
exclude_patterns = [  # folders that are not even looked into
    path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("docs", "recipes")
]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "command_help",
    "formulas",
    "left_out",
    "navigation",
    "programs",
    "public_types",
]
readmes = [f"{path.stem} </{path.stem}>" for path in sorted(ROOT.glob("README*.md"))]
folders = [path.parent.name for path in sorted(HERE.glob("*/README.md"))]
others = [name for name in folders if name not in ("design", "how-to", "reference")]
navigation = {
    "docs/index": [
        (None, ["quickstart", "how-to/README", "/recipes/README"]),
        ("From elsewhere", [*(f"{name}/README" for name in others), "*from*"]),
        ("Reference", ["command-line", "reference/README"]),
        ("What to expect", ["correctness", "speed*", "reliability"]),
        ("How it is built", ["architecture", "design/README", "/CHANGELOG", *readmes]),
    ],
    "recipes/README": [(None, ["*"])],
    **{f"docs/{name}/README": [(None, ["*"])] for name in folders},
}
highlight_language = "none"  # of blocks that say none: mostly commands and output
nitpicky = True
smartquotes_action = "D"  # a dash between a name and its text; quotation marks as they are
default_role = "literal"  # docstrings put code in single backticks
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
napoleon_use_ivar = True  # a property may stand among the attributes, too

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 88

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = f"tftrain {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["start"]  # index.html, which leads to docs/index.html
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
