"""A thread that looks at meters now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

_LARGEST_SHARE = 0.003  # of a core's time; where looking takes long, it is done less often


class Sampler:
    """Samples meters in the background, about once a second.

    Args:
        meters: They have a method `sample`.
        every_secs: Seconds between two samples; more if they take more than 0.3% of the time.

    Attributes:
        lock: To be held by whoever else uses the meters.
    """

    def __init__(self, meters: Iterable[Any], every_secs: float = 1.0) -> None:
        self._meters, self._every = list(meters), every_secs
        self.lock = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins; does nothing if it runs already."""
        if self._thread is None:
            self._end.clear()
            self._thread = threading.Thread(target=self._run, name="resources", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends, once a sample under way is taken."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None

    def _run(self) -> None:
        pause = self._every
        while not self._end.wait(pause):
            pause = max(self._every, _seconds_of(self._sample) / _LARGEST_SHARE)

    def _sample(self) -> None:
        with self.lock:
            for meter in self._meters:
                meter.sample()


def _seconds_of(work: Callable[[], None]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started
