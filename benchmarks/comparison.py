"""Programs measured side by side, in turns, and told by median and spread."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterable, Sequence

Report = dict[str, float]
Run = Callable[[str, str], Report]


def measure(
    run: Run, cases: Sequence[str], programs: Sequence[str], *, rounds: int, unit: str
) -> dict[str, dict[str, list[Report]]]:
    """The reports of `run(program, case)`, by case and program; `unit` names their main figure."""
    reports = {case: {program: [] for program in programs} for case in cases}
    for number in range(rounds):
        for case in cases:
            for program in programs if number % 2 == 0 else reversed(programs):
                report = run(program, case)
                reports[case][program].append(report)
                figure = f"{report[unit]:,.0f} {unit.replace('_', ' ')}"
                line = f"round {number + 1} of {rounds}: {case}, {program}: {figure}"
                print(line, file=sys.stderr)
    return reports


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells as a table of Markdown.

    Example:
        >>> print(table(("program", "ms"), [("ours", "1.5")]))
        | program | ms |
        |---|---|
        | ours | 1.5 |
    """
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def spread(name: str, values: Iterable[float]) -> dict[str, float]:
    """The median under a name, and the least and most."""
    ordered = sorted(values)
    return {name: statistics.median(ordered), "least": ordered[0], "most": ordered[-1]}
