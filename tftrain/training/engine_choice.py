"""Measures the fused engines on a model's own first batches and chooses between them.

Only these are compared. They run the steps that Keras runs, without what Keras does around them,
so the plain loop is the faster one of fused steps and Keras's; whether XLA's program is faster
than TensorFlow's kernels depends on the model: for small dense layers it is, by far, for
convolutions on CPUs it is not.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tftrain.keras_api import tf
from tftrain.training import engine_memory
from tftrain.training.engines import FUSED as PLAIN
from tftrain.training.engines import FUSED_XLA as XLA
from tftrain.training.fused_steps import FusedSteps
from tftrain.training.runs import Run

_COMPILATION = "compilation"
_WORTH_COMPILING = 2.0  # seconds of training left below which XLA is not tried
_HOPELESS = 4  # times as slow as the plain loop
_ROUNDS = 3
_ROUND_SECONDS = 0.05


class Choice(NamedTuple):
    """An engine, and why.

    Attributes:
        engine: Its name.
        reason: What was measured, in words.
    """

    engine: str
    reason: str


def choose(
    make: Callable[[str], FusedSteps],
    sample: Callable[[], Run],
    steps_left: float,
    key: str,
    names: tuple[str, ...],
) -> Choice:
    """Chooses the engine that is done first.

    Args:
        make: Gives the training program of an engine.
        sample: Gives batches to measure on; weights and all other state stay as they are.
        steps_left: Steps of the training, `inf` if that is not known.
        key: What the measurements are remembered by.
        names: Engines to choose from, `fused_epoch` first.
    """
    known = engine_memory.recall(key) or {}
    seconds, note = dict(known), ""
    for engine in names:
        if engine in seconds or not _is_worth_a_trial(engine, seconds, steps_left):
            continue
        try:
            limit = _HOPELESS * seconds.get(PLAIN, math.inf)
            seconds |= _measured(engine, make(engine), sample(), limit)
        except tf.errors.OpError as error:
            if engine != XLA:
                raise
            seconds[XLA] = math.inf
            note = f"; XLA cannot compile it: {first_line(error)}"
    if seconds != known:
        engine_memory.remember(key, seconds)
    seconds = {engine: seconds[engine] for engine in seconds if engine in (*names, _COMPILATION)}
    return Choice(_fastest(seconds, steps_left), _in_words(seconds, seconds == known) + note)


def _is_worth_a_trial(engine: str, seconds: dict[str, float], steps_left: float) -> bool:
    return engine != XLA or seconds[PLAIN] * steps_left >= _WORTH_COMPILING


def _fastest(seconds: dict[str, float], steps_left: float) -> str:
    if math.isinf(seconds.get(XLA, math.inf)):
        return PLAIN
    if math.isinf(steps_left):
        return min((PLAIN, XLA), key=seconds.__getitem__)
    with_xla = seconds[_COMPILATION] + seconds[XLA] * steps_left
    return XLA if with_xla < seconds[PLAIN] * steps_left else PLAIN


def _measured(engine: str, program: FusedSteps, run: Run, limit: float) -> dict[str, float]:
    begin = time.perf_counter()
    with unchanged(program.variables_of(run)):
        program.run(run, 1)
        compilation = time.perf_counter() - begin
        seconds = _seconds_per_step(program, run, limit)
    return {engine: seconds} | ({_COMPILATION: compilation} if engine == XLA else {})


def _seconds_per_step(program: FusedSteps, run: Run, limit: float) -> float:
    """The best of some rounds, or of one that shows that the limit is far."""
    steps, best = 1, math.inf
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        logs = program.run(run, steps)
        tf.nest.map_structure(lambda log: log.numpy(), logs)
        taken = time.perf_counter() - begin
        best = min(best, taken / steps)
        if best > limit:
            break
        steps = max(1, min(run.steps, int(_ROUND_SECONDS / best)))
    return best


@contextlib.contextmanager
def unchanged(variables: list[tf.Variable]) -> Iterator[None]:
    """Whatever the block does to the variables is undone."""
    kept = [tf.identity(variable) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)


def _in_words(seconds: dict[str, float], remembered: bool) -> str:
    parts = [
        f"{engine} {seconds[engine] * 1000:.3g} ms a step"
        for engine in (PLAIN, XLA)
        if math.isfinite(seconds.get(engine, math.inf))
    ]
    return ", ".join(parts) + (", as measured before" if remembered else "")


def first_line(error: Exception) -> str:
    """The beginning of what an error says."""
    return str(error).strip().splitlines()[0][:120]
