"""What `Stability` holds, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tftrain.evaluate.stabilities import Stability, StabilityRow


def table(stability: Stability) -> str:
    """A line a case; of corruptions a line each, with a column a strength."""
    baseline = stability.baseline
    blocks = [f"baseline  {baseline['accuracy']:.4f}  ({baseline['examples']} examples)"]
    for summary in stability.summaries:
        rows = [row for row in stability.rows if row.group == summary.group]
        draw = _graded if rows[0].strength is not None else _listed
        blocks.append("\n".join(draw(summary.group, rows)))
    if any(row.exceeds_noise for row in stability.rows):
        blocks.append("* exceeds the noise (McNemar's exact test, Holm's correction, 5%)")
    return "\n\n".join(blocks)


def _listed(group: str, rows: list[StabilityRow]) -> list[str]:
    width = max(len(group), *(len(row.case) for row in rows))
    lines = [f"{group:{width}}  accuracy   change            interval  p (Holm)"]
    for row in rows:
        low, high = (f"{100 * end:+.2f}" for end in row.interval)
        lines.append(
            f"{row.case:{width}}  {row.accuracy:8.4f}{_star(row)} {100 * row.change:+7.2f}  "
            f"{low + ' to ' + high:>18}  {row.adjusted_p_value:8.2g}"
        )
    return lines


def _graded(group: str, rows: list[StabilityRow]) -> list[str]:
    by_case: dict[str, dict[int, StabilityRow]] = {}
    for row in rows:
        by_case.setdefault(row.case, {})[row.strength] = row
    strengths = sorted({row.strength for row in rows})
    width = max(len(group), *map(len, by_case))
    lines = [f"{group:{width}}" + " ".join(f"{strength:8}" for strength in strengths)]
    for case, graded in by_case.items():
        cells = [_cell(graded.get(strength)) for strength in strengths]
        lines.append(f"{case:{width}}" + "".join(cells))
    return lines


def _cell(row: StabilityRow | None) -> str:
    return " " * 9 if row is None else f"{row.accuracy:8.4f}{_star(row)}"


def _star(row: StabilityRow) -> str:
    return "*" if row.exceeds_noise else " "
