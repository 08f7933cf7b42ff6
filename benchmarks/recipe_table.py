"""The tables of recipes/README.md, each between two comments that the page does not show."""

from __future__ import annotations

import dataclasses
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from recipe import Bounds, Recipe
from recipe_list import RECIPES

from tftrain.atomic import replace_file

HEAD = "| recipe | command | time | expected | measured |\n|---|---|---|---|---|"
UNKNOWN = ("", "not measured")


@dataclasses.dataclass
class Outcome:
    """What came of a recipe.

    Attributes:
        recipe: The recipe.
        seconds: Of each run, from the start of its process to its end.
        figures: By name, one of each run.
        fault: Why there are no more of them.
    """

    recipe: Recipe
    seconds: list[float] = dataclasses.field(default_factory=list)
    figures: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    fault: str | None = None

    def add(self, seconds: float, figures: Mapping[str, float]) -> None:
        """One more run."""
        self.seconds.append(seconds)
        for name, figure in figures.items():
            self.figures.setdefault(name, []).append(figure)

    def cells(self, dataset: str) -> tuple[str, str]:
        """Time and measured figures, as the table shows them."""
        shown = [
            f"{name} {listed(self.figures[name])}"
            for name in self.recipe.expected[dataset]
            if name in self.figures
        ]
        return duration(statistics.median(self.seconds)), "; ".join(shown)

    def problems(self, dataset: str) -> list[str]:
        """What is not as expected, in full sentences."""
        if self.fault:
            return [f"{self.recipe.name}: {self.fault}"]
        found = []
        for name, bounds in self.recipe.expected[dataset].items():
            if name not in self.figures:
                known = ", ".join(self.figures)
                found.append(f"{self.recipe.name}: no figure {name!r}, only {known}")
            for figure in self.figures.get(name, []):
                if not within(figure, bounds):
                    found.append(
                        f"{self.recipe.name}: {name} is {number(figure)}; expected {words(bounds)}"
                    )
        return found


def listed(figures: Sequence[float]) -> str:
    """One of each run; what is always the same, once."""
    shown = [number(figure) for figure in figures]
    return shown[0] if len(set(shown)) == 1 else ", ".join(shown)


def within(figure: float, bounds: Bounds) -> bool:
    low, high = bounds
    return (low is None or figure >= low) and (high is None or figure <= high)


def number(figure: float) -> str:
    """Shares with four digits, what is tiny by its power of ten."""
    if abs(figure) < 0.001:
        return f"{figure:.1e}" if figure else "0"
    return f"{figure:.4f}" if abs(figure) <= 1 else f"{figure:.1f}"


def words(bounds: Bounds) -> str:
    low, high = bounds
    if high is None:
        return f"≥ {low:g}"
    return f"≤ {high:g}" if low is None else f"{low:g} to {high:g}"


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def write(page: Path, dataset: str, outcomes: Sequence[Outcome]) -> None:
    """Puts the outcomes into the page's table; what was measured of other recipes stays there.

    Raises:
        ValueError: The page has no place for the table.
    """
    text = page.read_text(encoding="utf-8")
    before, old, after = _parted(text, dataset, str(page))
    measured = kept(old)
    for outcome in outcomes:
        if outcome.seconds:
            measured[outcome.recipe.name] = outcome.cells(dataset)
    with replace_file(page) as temporary:
        temporary.write_text(f"{before}{table(dataset, measured)}{after}", encoding="utf-8")


def table(
    dataset: str, measured: Mapping[str, tuple[str, str]], recipes: Sequence[Recipe] = RECIPES
) -> str:
    """Recipes: of each the time and the figures, if they are known."""
    lines = [HEAD]
    for recipe in recipes:
        time, figures = measured.get(recipe.name, UNKNOWN)
        expected = "; ".join(
            f"{name} {words(bounds)}" for name, bounds in recipe.expected[dataset].items()
        )
        link = f"[{recipe.name}.py]({recipe.name}.py): {recipe.what}"
        cells = (link, f"`{recipe.command(dataset)}`", time, expected, figures)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def kept(old: str) -> dict[str, tuple[str, str]]:
    """Time and measured figures by recipe, as a table has them."""
    found = {}
    for line in old.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        name = re.match(r"\[(\w+)\.py\]", cells[0])
        if name:
            found[name[1]] = (cells[2], cells[4])
    return found


def _parted(text: str, dataset: str, where: str) -> tuple[str, str, str]:
    """What stands before the table, the table, what stands after it."""
    begin, end = f"<!-- {dataset}: written by benchmarks/recipes.py -->\n", "<!-- end -->\n"
    if text.count(begin) != 1 or end not in text.partition(begin)[2]:
        raise ValueError(f"{where} has no {begin.strip()} with {end.strip()} after it")
    before, _, rest = text.partition(begin)
    old, _, after = rest.partition(end)
    return before + begin, old, end + after
