"""One HTML page about several runs that needs no other file and no network."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from tftrain.report import curves, style, templates
from tftrain.report.pictures import drawn
from tftrain.report.sections import NOTHING, Section, Table
from tftrain.text_tables import heading, shown

_PAIRS = ("runs", "difference, points", "95% interval", "only the first is right",
          "only the second is right", "p")  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ComparisonPage:
    """What the page shows.

    Attributes:
        comparison: What `tftrain.evaluate.Comparison.as_dict` gives.
        metrics: The lines of metrics.jsonl, of each run.
        folders: The runs' folders as they are to be typed in commands.
        figure: The comparison, drawn; None for none.
    """

    comparison: Mapping[str, Any]
    metrics: Sequence[curves.Lines]
    folders: Sequence[str]
    figure: Figure | None = None


def render_comparison(page: ComparisonPage) -> str:
    """The page as HTML."""
    names = [run["name"] for run in page.comparison["runs"]]
    made = [
        _verdicts(page.comparison, page.figure),
        _runs(page.comparison["runs"], page.comparison["facts"]),
        _curves(names, page.metrics),
        _settings(names, page.comparison["settings"]),
        _commands(page.folders),
    ]
    return templates.render(
        "page.html",
        title=f"{len(names)} runs compared",
        told=", ".join(names),
        figures=(),
        contents=[section for section in made if section],
    )


def _verdicts(comparison: Mapping[str, Any], figure: Figure | None) -> Section:
    pairs = comparison["pairs"]
    table = Table(_PAIRS, [_pair(one) for one in pairs], "Pairs of runs: differences in accuracy")
    texts = [sentence for one in pairs for sentence in _said(one)]
    return Section(
        "verdicts",
        "What differs",
        texts=texts,
        pictures=[drawn(figure, " ".join(texts))] if figure else (),
        tables=[table],
        notes=["p is the probability of a difference as large as this by chance alone."],
    )


def _said(pair: Mapping[str, Any]) -> Iterator[str]:
    pairing = f"{pair['second']} beside {pair['first']}"
    yield f"{pairing}: {pair['verdict']}."
    if seeds := pair.get("seeds"):
        first, second = seeds["trainings"]
        yield (
            f"{pairing}, over {first} and {second} seeds: {seeds['verdict']} "
            f"(Welch's t-test, p = {seeds['adjusted_p_value']:.2g})."
        )


def _pair(one: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = one["interval"]
    return (
        f"{one['first']}, {one['second']}",
        f"{100 * one['difference']:+.2f}",
        f"{100 * low:+.2f} to {100 * high:+.2f}",
        f"{one['only_first_right']:,}",
        f"{one['only_second_right']:,}",
        f"{one.get('adjusted_p_value', one['p_value']):.2g}",
    )


def _runs(runs: Sequence[Mapping[str, Any]], facts: Sequence[str]) -> Section:
    columns = ("run", "accuracy", "95% interval", "loss", *map(heading, facts))
    rows = [(*_judged(run), *(_shown(run.get(name)) for name in facts)) for run in runs]
    return Section(
        "runs", "Quality and speed", tables=[Table(columns, rows, "Quality and speed of each run")]
    )


def _judged(run: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = run["accuracy_interval"]
    loss = NOTHING if run["loss"] is None else f"{run['loss']:.4f}"
    return run["name"], f"{run['accuracy']:.4f}", f"{low:.4f} to {high:.4f}", loss


def _curves(names: Sequence[str], metrics: Sequence[curves.Lines]) -> Section | None:
    if not any(metrics):
        return None
    return Section(
        "curves",
        "Learning curves",
        legend=[(name, style.of(position)) for position, name in enumerate(names)],
        pictures=[curves.overlaid(metrics, name) for name in ("loss", "accuracy")],
    )


def _settings(names: Sequence[str], settings: Mapping[str, Sequence[Any]]) -> Section:
    if not settings:
        return Section("settings", "Settings", texts=["All settings are the same."])
    rows = [(name, *(_shown(value) for value in values)) for name, values in settings.items()]
    table = Table(("setting", *names), rows, "Settings that differ, by run", kind="words")
    return Section("settings", "Settings that differ", tables=[table])


def _commands(folders: Sequence[str]) -> Section:
    runs = " ".join(map(shlex.quote, folders))
    again = [f"tftrain report --compare {runs} --out=compare.html", f"tftrain compare {runs}"]
    return Section("again", "Again", commands=[("This page, and the same in the terminal:", again)])


def _shown(value: Any) -> str:
    return shown(value, NOTHING)
