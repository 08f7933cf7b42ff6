"""The page about several runs that `tftrain report --compare` writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tftrain import app, training
from tftrain.atomic import replace_file
from tftrain.cli import compare as comparing
from tftrain.cli import trained
from tftrain.report import ComparisonPage, comparison_plot, render_comparison

DEFAULT = "compare.html"


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    yield from trained.several_runs(positional)
    if values["out"].present and not values.out:
        yield "--out is empty"
    elif values.out and Path(values.out).expanduser().is_dir():
        yield f"--out={values.out} is a folder; expected the name of a page, as {DEFAULT}"


def compare(paths: Sequence[str], out: str) -> Path:
    """Compares the runs and writes the page.

    Args:
        paths: The runs' folders, two or more.
        out: The page.

    Raises:
        EvaluationError: They are tested on different examples.
        RunFolderError: One has no model.
    """
    page = Path(out).expanduser()
    app.output_folder(page.parent)
    folders = [training.RunFolder.open(path) for path in paths]
    write(folders, comparing.compare(folders).as_dict(), page)
    return page


def write(folders: Sequence[training.RunFolder], comparison: Mapping[str, Any], page: Path) -> None:
    """Writes the page about runs that have been compared.

    Args:
        folders: The runs'.
        comparison: What `tftrain.evaluate.Comparison.as_dict` gives, in the same order.
        page: Where to.
    """
    written = render_comparison(
        ComparisonPage(
            comparison=comparison,
            metrics=[folder.read_metrics() for folder in folders],
            folders=[str(folder.path) for folder in folders],
            figure=comparison_plot.figure(comparison),
        )
    )
    with replace_file(page) as temporary:
        temporary.write_text(written, encoding="utf-8")
