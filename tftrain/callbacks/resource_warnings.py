"""Says once what a training lacks, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tftrain.keras_api import tf
from tftrain.notices import notice

_WAITING = 0.3
_WORTH_TELLING = 1.0  # seconds of an epoch
_SLOW_BATCH = 0.002  # seconds of waiting; below, it is the asking rather than the data
_NEARLY_FULL = 0.9
_CROWDED, _CROWDED_OUT = 0.9, 0.5  # of the machine's cores, of the training's own
_SMALL_ROOM, _SMALL_SHARE = 1e9, 0.02

_READ_AHEAD = (
    "keep prepared examples (dataset.cache(); tftrain train --cache=memory), prepare several at a "
    "time (map(..., num_parallel_calls=tf.data.AUTOTUNE)) and ahead (prefetch(tf.data.AUTOTUNE)), "
    "or feed arrays"
)
_FETCH_MANY = "let an engine fetch many at a time (tftrain.fit with engine='auto')"


class ResourceWarnings:
    """Looks at the figures of epochs, and says on stderr what is wrong, each thing once.

    Args:
        model: What is trained.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._said: set[str] = set()

    def look_at(self, figures: Mapping[str, float], batches: int) -> None:
        """Looks at an epoch's.

        Args:
            figures: `ResourceMonitor.last`.
            batches: Of the epoch.
        """
        for subject, text in self._found(figures, batches):
            if subject not in self._said:
                notice(text)
                self._said.add(subject)

    def _found(self, figures: Mapping[str, float], batches: int) -> Iterator[tuple[str, str]]:
        share, seconds = figures.get("input_wait_share", 0.0), figures["seconds"]
        if share > _WAITING and seconds > _WORTH_TELLING:
            slow = share * seconds / batches > _SLOW_BATCH
            remedy = _READ_AHEAD if slow else _FETCH_MANY
            crowd = _of_other_programs(figures)
            yield "input", f"training waited for data {share:.0%} of an epoch{crowd}: {remedy}"
        if figures["memory_share"] > _NEARLY_FULL:
            yield "memory", _of_memory(figures)
        free, needed = figures["disk_free_bytes"], 2 * _checkpoint_bytes(self._model)
        if free < max(needed, min(_SMALL_ROOM, _SMALL_SHARE * figures["disk_bytes"])):
            yield "disk", _of_disk(free, needed)


def _of_other_programs(figures: Mapping[str, float]) -> str:
    """What makes data late too, and no reading ahead helps against; mostly nothing."""
    own = figures.get("cpu_share", 1.0)
    if figures.get("machine_cpu_share", 0.0) < _CROWDED or own > _CROWDED_OUT:
        return ""
    return f" (other programs kept the cores busy: it had {own:.0%} of its own)"


def _of_memory(figures: Mapping[str, float]) -> str:
    share, limit = figures["memory_share"], figures["memory_limit_bytes"]
    return (
        f"{share:.0%} of {limit / 1e9:.1f} GB of memory was in use, "
        f"{figures['memory_peak_bytes'] / 1e9:.1f} GB by this process, which the system may end: "
        "lower the batch size, leave caches out of memory (--cache=FOLDER), or allow it more"
    )


def _of_disk(free: float, needed: int) -> str:
    return (
        f"{free / 1e9:.2f} GB are free on the run's disk, and two checkpoints take "
        f"{needed / 1e9:.2f} GB: make room, or write elsewhere, before saving fails"
    )


def _checkpoint_bytes(model: Any) -> int:
    variables = [*model.variables, *(model.optimizer.variables if model.optimizer else ())]
    return sum(math.prod(each.shape) * tf.as_dtype(each.dtype).size for each in variables)
