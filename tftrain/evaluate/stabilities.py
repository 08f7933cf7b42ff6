"""How much a model's accuracy moves: over seeds, corruptions, precisions, strategies."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from tftrain.errors import EvaluationError, UnknownName
from tftrain.evaluate import paired_tests, stability_tables
from tftrain.evaluate.right_answers import RightAnswers, right_answers

GROUPS = ("seeds", "corruptions", "precisions", "strategies")
Case = str | tuple[str, int]
Cases = Mapping[Case, Callable[[], np.ndarray]]


@dataclasses.dataclass(frozen=True)
class StabilityRow:
    """What one case does to the accuracy.

    Attributes:
        group: One of `GROUPS`.
        case: As `seed 1`, `noise`, `int8`, `mirrored`.
        strength: Of a corruption, 1 to 5; else None.
        accuracy: Share of right answers.
        loss: Mean cross-entropy, in nats; None if it is not a number.
        change: Accuracy less that of the baseline.
        interval: The change's, 95%, from the pairs of answers.
        p_value: Of McNemar's exact test against the baseline.
        adjusted_p_value: The same, corrected by Holm for the number of rows in the group.
        exceeds_noise: Whether that is below 0.05.
    """

    group: str
    case: str
    strength: int | None
    accuracy: float
    loss: float | None
    change: float
    interval: tuple[float, float]
    p_value: float
    adjusted_p_value: float
    exceeds_noise: bool

    @property
    def name(self) -> str:
        """The case with its strength."""
        return self.case if self.strength is None else f"{self.case} at strength {self.strength}"


@dataclasses.dataclass(frozen=True)
class StabilitySummary:
    """A group of rows in a few numbers.

    Attributes:
        group: One of `GROUPS`.
        cases: Number of rows.
        mean: Of the accuracies.
        standard_deviation: Of the accuracies, of a sample; None of one row.
        worst: Lowest accuracy.
        worst_case: Where that is.
        exceeding: Number of rows whose change exceeds the noise.
    """

    group: str
    cases: int
    mean: float
    standard_deviation: float | None
    worst: float
    worst_case: str
    exceeding: int


@dataclasses.dataclass(frozen=True)
class Stability:
    """How much a model's accuracy moves.

    Attributes:
        baseline: `accuracy`, `loss` and number of `examples` of the model as it is.
        rows: A case each.
        summaries: A group each.
        verdicts: A sentence a group.
        notes: What could not be measured, and why; a sentence each.
    """

    baseline: dict[str, Any]
    rows: tuple[StabilityRow, ...]
    summaries: tuple[StabilitySummary, ...]
    verdicts: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        notes = [f"note: {note}" for note in self.notes]
        return "\n\n".join([self.table(), "\n".join([*self.verdicts, *notes])])

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it; the verdicts as one text, `verdict`."""
        return {
            "baseline": self.baseline,
            "rows": [dataclasses.asdict(row) for row in self.rows],
            "summaries": [dataclasses.asdict(summary) for summary in self.summaries],
            "verdict": " ".join(self.verdicts),
            "notes": list(self.notes),
        }

    def table(self) -> str:
        """The rows as text; a star marks a change that exceeds the noise."""
        return stability_tables.table(self)


def stability(
    y: np.ndarray, baseline: np.ndarray, groups: Mapping[str, Cases], *, progress: bool = False
) -> Stability:
    """Compares a model's answers with those it gives, or its like give, in other circumstances.

    Each case's answers are compared with the baseline's, example by example, by McNemar's exact
    test (see `paired_tests.paired`). The p-values of a group, which together answer one question,
    are corrected by Holm's method.

    Args:
        y: True classes `[N]`.
        baseline: The model's probabilities `[N, K]`.
        groups: By group, and by case, or by (case, strength), what gives probabilities `[N, K]`
            of the same examples; called one after another. One that raises EvaluationError is left
            out, with a note. Of seeds, the baseline itself is one.
        progress: Show a bar with rate and time left, if on a terminal.

    Raises:
        EvaluationError: No examples, no cases that can be measured, or answers of a shape that
            does not fit.
        UnknownName: There is no such group.

    Example:
        >>> y, sure = np.arange(50) % 2, np.eye(2)[np.arange(50) % 2]
        >>> judged = stability(y, sure, {"precisions": {"int8": lambda: 1 - sure}})
        >>> judged.rows[0].change, judged.rows[0].exceeds_noise
        (-1.0, True)
    """
    own = right_answers(y, baseline, "the model")
    _check(groups)
    rows: list[StabilityRow] = []
    notes: list[str] = []
    total = sum(map(len, groups.values()))
    with tqdm(total=total, unit=" cases", disable=None if progress else True) as bar:
        for group, cases in groups.items():
            rows += _rows(group, own, _measured(y, group, cases, bar, notes))
    if not rows:
        raise EvaluationError(notes)
    shown = dict.fromkeys(row.group for row in rows)
    summaries = tuple(_summary(name, [row for row in rows if row.group == name]) for name in shown)
    return Stability(
        baseline={"accuracy": own.accuracy, "loss": own.loss, "examples": len(y)},
        rows=tuple(rows),
        summaries=summaries,
        verdicts=tuple(_verdict(one, rows, len(y)) for one in summaries),
        notes=tuple(notes),
    )


def _measured(
    y: np.ndarray, group: str, cases: Cases, bar: tqdm, notes: list[str]
) -> dict[Case, RightAnswers]:
    found = {}
    for case, give in cases.items():
        name = _named(case)
        bar.set_description(f"{group}: {name}")
        try:
            given = give()
        except EvaluationError as error:
            notes += [f"{name} cannot be measured: {problem}" for problem in error.problems]
        else:
            found[case] = right_answers(y, given, f"{group}: {name}")
        bar.update()
    return found


def _check(groups: Mapping[str, Cases]) -> None:
    for name in groups:
        if name not in GROUPS:
            raise UnknownName("group of stability", name, GROUPS)
    if not any(groups.values()):
        raise EvaluationError([f"no cases to measure; expected some of {', '.join(GROUPS)}"])
    if len(groups.get("seeds", "12")) < 2:
        raise EvaluationError(["one seed has no spread; expected at least 2"])


def _named(case: Case) -> str:
    return case if isinstance(case, str) else f"{case[0]} {case[1]}"


def _rows(group: str, own: RightAnswers, found: Mapping[Case, RightAnswers]) -> list[StabilityRow]:
    tests = [paired_tests.paired(own.right, given.right) for given in found.values()]
    adjusted = paired_tests.holm([tested.p_value for tested in tests])
    rows = []
    for (case, given), tested, p_value in zip(found.items(), tests, adjusted, strict=True):
        name, strength = (case, None) if isinstance(case, str) else case
        rows.append(
            StabilityRow(
                group=group,
                case=name,
                strength=strength,
                accuracy=given.accuracy,
                loss=given.loss,
                change=tested.difference,
                interval=tested.interval,
                p_value=tested.p_value,
                adjusted_p_value=p_value,
                exceeds_noise=p_value < paired_tests.SIGNIFICANCE,
            )
        )
    return rows


def _summary(group: str, rows: list[StabilityRow]) -> StabilitySummary:
    accuracies = [row.accuracy for row in rows]
    worst = min(rows, key=lambda row: row.accuracy)
    return StabilitySummary(
        group=group,
        cases=len(rows),
        mean=float(np.mean(accuracies)),
        standard_deviation=float(np.std(accuracies, ddof=1)) if len(rows) > 1 else None,
        worst=worst.accuracy,
        worst_case=worst.name,
        exceeding=sum(row.exceeds_noise for row in rows),
    )


def _verdict(summary: StabilitySummary, rows: list[StabilityRow], examples: int) -> str:
    if summary.group == "seeds":
        spread = 100 * summary.standard_deviation
        return (
            f"Over {summary.cases} seeds the accuracy is {summary.mean:.2%} with a standard "
            f"deviation of {spread:.2f} points; the worst is {summary.worst:.2%} "
            f"({summary.worst_case})."
        )
    of_group = [row for row in rows if row.group == summary.group]
    row = max(of_group, key=lambda row: (row.exceeds_noise, -row.accuracy))
    moved = f"{row.name}, {paired_tests.in_points(row.change, row.interval, examples)}"
    if summary.exceeding == 0:
        return f"Over {summary.group} no difference exceeds the noise; the lowest is {moved}."
    does = "exceeds" if summary.exceeding == 1 else "exceed"
    count = f"{summary.exceeding} of {summary.cases} differences"
    return f"Over {summary.group} {count} {does} the noise; the lowest of them is {moved}."
