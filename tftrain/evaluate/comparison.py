"""Several models on one test set: what differs between them, and whether it exceeds the noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tftrain.errors import EvaluationError
from tftrain.evaluate import comparison_tables, paired_tests
from tftrain.evaluate.confidence import accuracy_interval
from tftrain.evaluate.right_answers import RightAnswers, right_answers

_QUALITY = ("name", "accuracy", "accuracy_interval", "loss")


@dataclasses.dataclass(frozen=True)
class Pair:
    """One model beside the first.

    Attributes:
        first: Name of the first.
        second: Name of the other.
        difference: Accuracy of the second less that of the first.
        interval: The difference's, 95%.
        p_value: Of McNemar's exact test.
        adjusted_p_value: The same, corrected by Holm for the number of pairs.
        only_first_right: Examples that the first alone answers rightly.
        only_second_right: Likewise.
        verdict: Whether the difference exceeds the noise, in words.
        seeds: The same over trainings with several seeds (see `paired_tests.over_seeds`), with a
            `verdict`; None where not both were trained so.
    """

    first: str
    second: str
    difference: float
    interval: tuple[float, float]
    p_value: float
    adjusted_p_value: float
    only_first_right: int
    only_second_right: int
    verdict: str
    seeds: dict[str, Any] | None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Several models on one test set.

    Attributes:
        examples: Size of the test set.
        runs: Of each `name`, `accuracy`, `accuracy_interval` (95%), `loss`, and what
            was told of it.
        settings: Those that differ, a value each.
        pairs: The first with each of the others.
    """

    examples: int
    runs: tuple[dict[str, Any], ...]
    settings: dict[str, list[Any]]
    pairs: tuple[Pair, ...]

    @property
    def facts(self) -> list[str]:
        """Names of what was told of any run, beside its quality."""
        told = (name for run in self.runs for name, value in run.items() if value is not None)
        return [name for name in dict.fromkeys(told) if name not in _QUALITY]

    def __str__(self) -> str:
        return comparison_tables.text(self)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it, `facts` among it."""
        return {**dataclasses.asdict(self), "facts": self.facts}


def compare(
    names: Sequence[str],
    y: np.ndarray,
    probabilities: Sequence[np.ndarray],
    *,
    facts: Sequence[Mapping[str, Any]] | None = None,
    settings: Sequence[Mapping[str, Any]] | None = None,
    seeds: Sequence[Sequence[float]] | None = None,
) -> Comparison:
    """Compares models by their answers to the same examples: each with the first.

    Args:
        names: Of the models, two or more.
        y: True classes `[N]`.
        probabilities: `[N, K]` of each model.
        facts: What else is to be told of each, by name, such as parameters.
        settings: Of each; those that are not the same for all are kept.
        seeds: Accuracies of each when trained with several seeds; fewer than two for none.

    Raises:
        EvaluationError: Fewer than two models, not one name and one array each, no examples, or
            shapes that do not fit.

    Example:
        >>> y, sure = np.arange(50) % 2, np.eye(2)[np.arange(50) % 2]
        >>> compare(["a", "b"], y, [sure, sure]).pairs[0].verdict
        'the difference of +0.0 points (-3.8 to +3.8) does not exceed the noise'
    """
    _check(names, probabilities, facts, settings, seeds)
    given = [right_answers(y, each, name) for name, each in zip(names, probabilities, strict=True)]
    facts = facts or [{}] * len(names)
    return Comparison(
        examples=len(y),
        runs=tuple(map(_run, names, given, facts)),
        settings=differing(settings or [{}] * len(names)),
        pairs=_pairs(names, given, seeds or [()] * len(names)),
    )


def differing(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Those settings that are not the same for all, with a value each; None where one has none.

    Example:
        >>> differing([{"epochs": 2, "seed": 0}, {"epochs": 3, "seed": 0}])
        {'epochs': [2, 3]}
    """
    names = dict.fromkeys(name for one in settings for name in one)
    values = {name: [one.get(name) for one in settings] for name in names}
    return {name: each for name, each in values.items() if any(value != each[0] for value in each)}


def _check(names: Sequence[str], probabilities: Sequence[np.ndarray], *others: Any) -> None:
    if len(names) < 2:
        raise EvaluationError([f"{len(names)} to compare; expected at least 2"])
    counts = {len(names), len(probabilities), *(len(each) for each in others if each is not None)}
    if len(counts) > 1:
        raise EvaluationError([f"{len(names)} names do not fit the rest, of {sorted(counts)}"])


def _run(name: str, given: RightAnswers, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "accuracy": given.accuracy,
        "accuracy_interval": list(accuracy_interval(int(given.right.sum()), len(given.right))),
        "loss": given.loss,
        **facts,
    }


def _pairs(
    names: Sequence[str], given: Sequence[RightAnswers], seeds: Sequence[Sequence[float]]
) -> tuple[Pair, ...]:
    tests = [paired_tests.paired(given[0].right, other.right) for other in given[1:]]
    adjusted = paired_tests.holm([tested.p_value for tested in tests])
    repeated = _over_seeds(seeds, len(given[0].right))
    return tuple(
        Pair(
            first=names[0],
            second=name,
            difference=tested.difference,
            interval=tested.interval,
            p_value=tested.p_value,
            adjusted_p_value=p_value,
            only_first_right=tested.only_first_right,
            only_second_right=tested.only_second_right,
            verdict=paired_tests.verdict(
                tested.difference, tested.interval, tested.examples, tested.p_value, p_value
            ),
            seeds=over,
        )
        for name, tested, p_value, over in zip(names[1:], tests, adjusted, repeated, strict=True)
    )


def _over_seeds(seeds: Sequence[Sequence[float]], examples: int) -> list[dict[str, Any] | None]:
    """The test of each pair that has seeds; corrected for the number of those pairs."""
    tests = [
        paired_tests.over_seeds(seeds[0], other) if min(len(seeds[0]), len(other)) > 1 else None
        for other in seeds[1:]
    ]
    found = [tested for tested in tests if tested]
    for tested, p_value in zip(
        found, paired_tests.holm([t["p_value"] for t in found]), strict=True
    ):
        tested["adjusted_p_value"] = p_value
        tested["verdict"] = paired_tests.verdict(
            tested["difference"], tested["interval"], examples, tested["p_value"], p_value
        )
    return tests
