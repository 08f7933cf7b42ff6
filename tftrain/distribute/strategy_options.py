"""What can be asked of a strategy, and of which: one table for Python, flags and config files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tftrain import quantities
from tftrain.distribute import layouts
from tftrain.distribute.tensor_parallel import mesh_shapes
from tftrain.errors import ConfigError, UnknownName
from tftrain.refusals import refusals

NAMES = ("auto", "one", "mirrored", "multiworker", "ps", "tpu", "model_parallel", "pipeline")


@dataclasses.dataclass(frozen=True)
class StrategyOption:
    """An argument of `strategy` that means something to some strategies alone.

    Attributes:
        strategies: Those that take it.
        least: The smallest number, of an option that is a number.
        why: Said besides where another strategy is given it.
        problems: Gives what is wrong with a value.
        needed: What is said where it is missing and its strategy was asked for by name; "" of an
            option that can be left out.
        is_setting: Whether `tftrain train` and its config files have it.
    """

    strategies: tuple[str, ...]
    least: int | None = None
    why: str = ""
    problems: Callable[[Any], Iterator[str]] | None = None
    needed: str = ""
    is_setting: bool = True


def _memory_problems(memory: Any) -> Iterator[str]:
    yield from refusals(quantities.size, memory, "memory_per_device")


def _layout_problems(layout: Any) -> Iterator[str]:
    if isinstance(layout, str):
        yield from refusals(layouts.check_name, layout)


OPTIONS = {
    "devices": StrategyOption(
        ("auto", "mirrored"), least=1, why="a cluster's workers use the devices they have"
    ),
    "sync_every": StrategyOption(("auto", "multiworker"), least=1),
    "memory_per_device": StrategyOption(
        ("auto",), why="the planner then chooses the strategy", problems=_memory_problems
    ),
    "mesh": StrategyOption(
        ("model_parallel",),
        problems=mesh_shapes.problems,
        needed=(
            "mesh={'batch': 1, 'model': 2} cuts variables in two; in a flag --mesh=batch=1,model=2"
        ),
    ),
    "layout": StrategyOption(("model_parallel",), problems=_layout_problems),
    "stages": StrategyOption(("pipeline",), least=2),
    "micro_batches": StrategyOption(("pipeline",), least=1),
    "cut": StrategyOption(("pipeline",), is_setting=False),
    # A run's setting of that name is the learning rate's.
    "schedule": StrategyOption(("pipeline",), is_setting=False),
}


def check_options(name: str, **options: Any) -> None:
    """Checks what can be known before anything is started.

    Args:
        name: A strategy's name.
        options: Names and values of `OPTIONS`; None is an option left out.

    Raises:
        UnknownName: There is no such strategy.
        ConfigError: The options contradict one another, or are below what they can be.
    """
    if name not in NAMES:
        raise UnknownName("strategy", name, NAMES)
    given = {key: value for key, value in options.items() if value is not None}
    problems = [problem for key in given for problem in _problems(name, key, given[key])]
    problems += [
        f"strategy {name!r} needs a {key}: {option.needed}"
        for key, option in OPTIONS.items()
        if option.needed and name in option.strategies and key not in given
    ]
    if problems:
        raise ConfigError(problems)


def _problems(name: str, key: str, value: Any) -> Iterator[str]:
    option = OPTIONS[key]
    if name not in option.strategies:
        yield (
            f"{key}={value} with strategy {name!r}: expected only with {_listed(option.strategies)}"
            + (f" ({option.why})" if option.why else "")
        )
    if option.least is not None and value < option.least:
        yield f"{key}={value}: expected {option.least} or more"
    if option.problems is not None:
        yield from option.problems(value)


def _listed(names: Iterable[str]) -> str:
    return " or ".join(repr(name) for name in names if name != "auto") or "'auto'"
