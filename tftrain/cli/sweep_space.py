"""Flags that say what a sweep varies, and how much of the machine a trial may use."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from absl import flags

from tftrain import quantities, training
from tftrain.errors import SweepError, UnknownName
from tftrain.refusals import refusals
from tftrain.sweeps import dimensions
from tftrain.sweeps.dimensions import Dimension

_DRAWN = ("random", "tpe")


def define_flags(values: flags.FlagValues) -> None:
    """What is varied."""
    for name, meaning in (
        ("grid", "NAME=VALUES of a setting of `tftrain train`: every combination is trained"),
        ("random", "NAME=VALUES of a setting: combinations are drawn"),
    ):
        flags.DEFINE_multi_string(name, None, meaning, flag_values=values)
        values[name].help = f"{meaning}; once a setting"  # without what absl adds
    meaning = "with --random: draws at random, or where trials before were good (default: random)"
    flags.DEFINE_enum("sampler", None, _DRAWN, meaning, flag_values=values)


def problems(values: flags.FlagValues, *, may_be_none: bool = False) -> Iterator[str]:
    """What is wrong with these flags."""
    if values.grid and values.random:
        yield (
            "--grid and --random contradict each other: give one of them; --random takes lists too"
        )
    elif not (values.grid or values.random or may_be_none):
        yield (
            "nothing is varied: expected --grid=NAME=VALUES or --random=NAME=VALUES, e.g. "
            "--grid=learning_rate=0.01,0.001"
        )
    if values.sampler and not (values.random or may_be_none):
        yield f"--sampler={values.sampler} needs --random: a grid is trained as a whole"
    seen = set()
    for flag, text in _given(values):
        name = text.partition("=")[0]
        if name in seen:
            yield f"--{flag}={text}: {name} is given twice"
        seen.add(name)
        for problem in refusals(_dimension, flag, text):
            yield f"--{flag}={text}: {problem}"


def of(values: flags.FlagValues) -> dict[str, Dimension]:
    """What is varied.

    Raises:
        SweepError: A flag cannot be read.
    """
    return {text.partition("=")[0]: _dimension(flag, text) for flag, text in _given(values)}


def memory(values: flags.FlagValues) -> int | None:
    """Bytes that a trial may use.

    Raises:
        BadInput: It is no size.
    """
    return None if values.memory is None else int(quantities.size(values.memory, "--memory"))


def _given(values: flags.FlagValues) -> Iterator[tuple[str, str]]:
    for flag in ("grid", "random"):
        yield from ((flag, text) for text in values[flag].value or ())


def _dimension(flag: str, text: str) -> Dimension:
    name, equals, value = text.partition("=")
    known = {field.name: field for field in dataclasses.fields(training.TrainConfig)}
    if not equals:
        raise SweepError([f"expected NAME=VALUES, e.g. --{flag}=learning_rate=0.01,0.001"])
    if name not in known:
        raise UnknownName("setting", name, known)
    field = known[name]
    optional = field.default is None
    return dimensions.parse(
        value, field.metadata["kind"], for_grid=flag == "grid", optional=optional
    )
