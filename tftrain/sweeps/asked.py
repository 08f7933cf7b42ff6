"""What a sweep is asked for, checked as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tftrain.errors import SweepError, UnknownName
from tftrain.refusals import refusals
from tftrain.sweeps import dimensions, metrics
from tftrain.sweeps import space as spaces
from tftrain.sweeps.dimensions import Choices, Dimension
from tftrain.sweeps.study import PRUNERS, SAMPLERS

DEFAULT_TRIALS = 10
_LARGEST_SEED = 2**31


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a sweep is asked for. It is recorded, and a sweep that goes on keeps to it.

    Attributes:
        space: What is varied, and between what; a list stands for `Choices`.
        metric: What trials are judged by, at its best epoch.
        goal: max or min; None for what the metric's name tells.
        sampler: grid, random or tpe; None for grid if all values are listed, else random.
        trials: How many; None for all of a grid, else 10.
        prune: none, median or halving.
        prune_after: Epochs that every trial may have.
        seed: What is drawn follows from it; the n-th trial is trained with `seed + n`.
        program: What else the trials are given, to be recorded: anything that JSON can hold.

    Raises:
        SweepError: All that is wrong with it.
    """

    space: Mapping[str, Dimension | Sequence[Any]]
    metric: str = "val_accuracy"
    goal: str | None = None
    sampler: str | None = None
    trials: int | None = None
    prune: str = "none"
    prune_after: int = 1
    seed: int = 0
    program: Any = None

    def __post_init__(self) -> None:
        problems = [*self._wrong_names(), *self._wrong_space()]
        if problems:
            raise SweepError(problems)
        space = {name: dimensions.as_dimension(one) for name, one in self.space.items()}
        finite = spaces.is_finite(space)
        sampler = self.sampler or ("grid" if finite else "random")
        values = {"space": space, "sampler": sampler}
        values["goal"] = metrics.goal_of(self.metric, self.goal)
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if problems := list(self._wrong_counts(finite)):
            raise SweepError(problems)
        if self.trials is None:
            count = spaces.size(space) if sampler == "grid" else DEFAULT_TRIALS
            if self._is_shuffled(finite):
                count = min(count, spaces.size(space))
            object.__setattr__(self, "trials", count)

    def planned(self) -> list[dict[str, Any]] | None:
        """The settings of all trials, if they follow from what is asked alone."""
        if self.sampler == "grid":
            return list(spaces.combinations(self.space))
        if self.sampler == "random":
            found = spaces.shuffled(self.space, self.seed)
            return found and found[: self.trials]
        return None

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        space = {name: one.as_dict() for name, one in self.space.items()}
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**fields, "space": space}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Asked:
        """What `as_dict` gave."""
        space = {name: dimensions.from_dict(one) for name, one in content["space"].items()}
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: content[name] for name in known if name in content} | {"space": space})

    def _wrong_names(self) -> Iterator[str]:
        for kind, value, known in (
            ("sampler", self.sampler, SAMPLERS),
            ("prune", self.prune, PRUNERS),
        ):
            if value is not None and value not in known:
                yield str(UnknownName(kind, value, known))
        yield from refusals(metrics.goal_of, self.metric, self.goal)
        if self.prune_after < 0:
            yield f"prune_after is {self.prune_after}; expected 0 or more epochs"
        if not 0 <= self.seed < _LARGEST_SEED:
            yield f"seed is {self.seed}; expected 0 to {_LARGEST_SEED - 1}"
        if self.trials is not None and self.trials < 1:
            yield f"trials is {self.trials}; expected 1 or more"

    def _wrong_space(self) -> Iterator[str]:
        if not self.space:
            yield "nothing is varied: expected at least one setting, and what it may be"
        for name, one in self.space.items():
            for problem in refusals(dimensions.as_dimension, one):
                yield f"{name}: {problem}"

    def _wrong_counts(self, finite: bool) -> Iterator[str]:
        if self.sampler == "grid" and not finite:
            ranges = [name for name, one in self.space.items() if not isinstance(one, Choices)]
            yield f"a grid needs lists, and {', '.join(ranges)} is a range; expected its points"
        if finite and not any(len(one.values) > 1 for one in self.space.values()):
            yield "nothing is varied: every setting has one value only"
        if self.trials is None or not finite:
            return
        count = spaces.size(self.space)
        if self.sampler == "grid" and self.trials != count:
            yield f"trials is {self.trials}, but a grid of {count} combinations has {count} trials"
        elif self._is_shuffled(finite) and self.trials > count:
            yield f"trials is {self.trials}, but the lists have {count} combinations only"

    def _is_shuffled(self, finite: bool) -> bool:
        return finite and self.sampler == "random"
