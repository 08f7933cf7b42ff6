"""What `Comparison` holds, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tftrain.text_tables import aligned, heading, shown

if TYPE_CHECKING:
    from tftrain.evaluate.comparison import Comparison, Pair


def text(comparison: Comparison) -> str:
    """The models, the settings that differ, and a verdict a pair."""
    runs = comparison.runs
    heads = ["", "accuracy", "95%", "loss", *map(heading, comparison.facts)]
    lines = [[*_judged(run), *(shown(run.get(name)) for name in comparison.facts)] for run in runs]
    blocks = [f"{comparison.examples} test examples\n\n{aligned([heads, *lines])}"]
    if comparison.settings:
        names = [run["name"] for run in runs]
        settings = [[name, *map(_plain, each)] for name, each in comparison.settings.items()]
        blocks.append(aligned([["settings that differ", *names], *settings]))
    blocks += [_said(pair) for pair in comparison.pairs]
    return "\n\n".join(blocks)


def _judged(run: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = run["accuracy_interval"]
    loss = "-" if run["loss"] is None else f"{run['loss']:.4f}"
    return run["name"], f"{run['accuracy']:.4f}", f"{low:.4f} to {high:.4f}", loss


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


def _plain(value: Any) -> str:
    return "-" if value is None else str(value)
