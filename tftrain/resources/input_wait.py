"""How long steps wait for their data.

Two ways of reading are known. Engines that fetch many batches at a time do it in Python, around
which a stopwatch runs. Keras's own loop asks a `tf.data` iterator from within compiled steps;
TensorFlow notes there, for its own tuning, how long each of the last hundred pauses between two
requests was, in which the training did something else. What remains of the time that the same
batches took is waiting. This costs no step anything, and is the truth also where batches are read
ahead: a batch that lay ready is no wait.

Opening the data, from the beginning of an epoch to its first step, is waiting too.
"""

from __future__ import annotations

import collections
from typing import Any, NamedTuple

from tftrain.keras_api import tf
from tftrain.resources.stopwatch import waiting_for_data

_LAST = 100  # pauses that TensorFlow remembers
_LONGEST_PAUSE = 10.0  # seconds; of longer ones it takes no note
_BETWEEN_READINGS = 0.5  # seconds


class _Mark(NamedTuple):
    time: float
    batches: int


class InputWait:
    """The waiting of one epoch after another.

    Times are seconds of any clock, as long as it is the same one.
    """

    def __init__(self) -> None:
        self._compiled = False
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """An epoch begins."""
        self._began = now
        self._opening, self._timed_before = 0.0, waiting_for_data.seconds
        self._marks: collections.deque[_Mark] = collections.deque(maxlen=_LAST + 1)
        self._first: tuple[float, float, int] | None = None
        self._seen = 0
        self._waited = 0.0
        self._iterator: Any = None
        self._read_at = now

    def opened(self, now: float) -> None:
        """The epoch's first step begins."""
        self._opening, self._timed_before = now - self._began, waiting_for_data.seconds

    def mark(self, called: float, now: float, batches: int, iterator: Any) -> None:
        """Some steps are done.

        Args:
            called: When the function that takes them was called.
            now: When it returned.
            batches: Taken in this epoch by now.
            iterator: Where the function had its batches from.
        """
        self._iterator = iterator
        if self._first is None:
            self._first, self._read_at = (called, now, batches), now
        elif self._may_have_gone_unnoticed(called, now, batches):
            self._marks.clear()
        self._marks.append(_Mark(now, batches))
        if now - self._read_at >= _BETWEEN_READINGS:
            self._read(now)

    def end(self) -> float | None:
        """The epoch is trained.

        Returns:
            Seconds it has waited for data; None if that cannot be known.
        """
        compiled, self._compiled = self._compiled, True
        waited = self._in_steps(compiled) if self._first else None
        return None if waited is None else self._opening + waited

    def share(self, now: float) -> float | None:
        """The share of the time so far, which was waited for data; None if it is not known yet."""
        if self._first is None:
            return None
        waited, until = waiting_for_data.seconds - self._timed_before, now
        if not _is_timed(self._iterator):
            if not self._seen:
                return None
            waited, until = self._of_all(), self._marks[-1].time
        return min(1.0, (self._opening + waited) / (until - self._began))

    def _in_steps(self, compiled: bool) -> float | None:
        if _is_timed(self._iterator):
            return waiting_for_data.seconds - self._timed_before
        if self._marks:
            self._read(self._marks[-1].time)
        return self._of_all() if self._seen else self._of_first(compiled)

    def _of_all(self) -> float:
        """What was seen of some batches, taken for all of them."""
        return self._marks[-1].batches * self._waited / self._seen

    def _read(self, now: float) -> None:
        """Takes in the batches since the last reading, as far as TensorFlow remembers them."""
        self._read_at = now
        pauses, last = _pauses(self._iterator), self._marks[-1]
        begin = next((m for m in self._marks if last.batches - m.batches <= len(pauses)), last)
        count = last.batches - begin.batches
        if count:
            paused = sum(pauses[-count:])
            self._waited += max(0.0, last.time - begin.time - paused)
            self._seen += count
            self._marks.clear()
            self._marks.append(last)

    def _may_have_gone_unnoticed(self, called: float, now: float, batches: int) -> bool:
        last = self._marks[-1]
        steps = max(1, batches - last.batches)
        return called - last.time + (now - called) / steps >= _LONGEST_PAUSE

    def _of_first(self, compiled: bool) -> float | None:
        """If one call took all of an epoch's batches, and had not to be compiled first."""
        called, now, batches = self._first
        pauses = _pauses(self._iterator)[1 - batches :] if batches > 1 else []
        if not compiled or len(pauses) < batches - 1 or not pauses:
            return None
        return max(0.0, now - called - sum(pauses) * batches / len(pauses))


def _is_timed(iterator: Any) -> bool:
    return getattr(iterator, "waits_are_timed", False)


def _pauses(iterator: Any) -> list[float]:
    """Seconds between requests, the latest last; none if this is no iterator that remembers."""
    while hasattr(iterator, "source"):  # what engines and repairs put around it
        iterator = iterator.source
    if not isinstance(iterator, tf.data.Iterator):
        return []
    try:
        noted = tf.data.experimental.get_model_proto(iterator)
    except tf.errors.OpError:  # the dataset is not tuned
        return []
    return [microseconds / 1e6 for microseconds in noted.gap_times]
