"""Writing while the training goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable


class BackgroundWriter:
    """Does one job at a time in a thread; the next one waits for the last.

    A job's error is kept until somebody asks for it.

    Example:
        >>> writer = BackgroundWriter()
        >>> done = []
        >>> writer.start(lambda: done.append("written"))
        >>> writer.wait()
        >>> done
        ['written']
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def start(self, job: Callable[[], None]) -> None:
        """Begins a job, once the last one is done.

        Raises:
            Exception: What the last one raised; the new one is not begun.
        """
        self.wait()
        # Not a daemon: an interpreter that ends lets it finish.
        self._thread = threading.Thread(target=self._run, args=(job,), name="checkpoint")
        self._thread.start()

    def wait(self) -> None:
        """Returns when nothing is being done.

        Raises:
            Exception: What the last job raised, once.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # handed over to whoever waits
            self._error = error
