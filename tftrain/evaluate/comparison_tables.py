"""What `Comparison` holds, as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tftrain.text_tables import aligned

if TYPE_CHECKING:
    from tftrain.evaluate.comparison import Comparison, Pair

_COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "accuracy": ("accuracy", "{:.4f}".format),
    "accuracy_interval": ("95%", lambda ends: "{:.4f} to {:.4f}".format(*ends)),
    "loss": ("loss", "{:.4f}".format),
    "parameters": ("parameters", "{:,}".format),
    "train_seconds": ("training s", "{:.1f}".format),
    "examples_per_second": ("examples/s", "{:,.0f}".format),
    "engine": ("engine", str),
}


def text(comparison: Comparison) -> str:
    """The models, the settings that differ, and a verdict a pair."""
    runs = comparison.runs
    columns = [name for name in _COLUMNS if any(run.get(name) is not None for run in runs)]
    heads = ["", *(_COLUMNS[name][0] for name in columns)]
    lines = [[run["name"], *(_shown(run.get(name), name) for name in columns)] for run in runs]
    blocks = [f"{comparison.examples} test examples\n\n{aligned([heads, *lines])}"]
    if comparison.settings:
        names = [run["name"] for run in runs]
        settings = [[name, *map(_plain, each)] for name, each in comparison.settings.items()]
        blocks.append(aligned([["settings that differ", *names], *settings]))
    blocks += [_said(pair) for pair in comparison.pairs]
    return "\n\n".join(blocks)


def _said(pair: Pair) -> str:
    lines = [
        f"{pair.second} beside {pair.first}: {pair.verdict}",
        f"  right alone: {pair.first} {pair.only_first_right}, {pair.second} "
        f"{pair.only_second_right}; p = {pair.adjusted_p_value:.2g} (McNemar's exact test)",
    ]
    if seeds := pair.seeds:
        first, second = seeds["trainings"]
        lines.append(
            f"  over {first} and {second} seeds: {seeds['verdict']}; "
            f"p = {seeds['adjusted_p_value']:.2g} (Welch's t-test)"
        )
    return "\n".join(lines)


def _shown(value: Any, name: str) -> str:
    return "-" if value is None else _COLUMNS[name][1](value)


def _plain(value: Any) -> str:
    return "-" if value is None else str(value)
