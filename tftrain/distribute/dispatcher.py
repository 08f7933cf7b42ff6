"""Sends steps to whichever worker is free, a bounded number ahead, and never waits for ever.

A thin layer over `tf.distribute.coordinator.ClusterCoordinator`. That class queues without
bound, hands results out only by blocking, and while a peer's host is silent says nothing. A
`Dispatcher` keeps a few steps a worker under way, passes each finished step's result on in the
order of scheduling, and while nothing finishes looks whether the tasks still answer.
"""

from __future__ import annotations

import atexit
import contextlib
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from tftrain.distribute.reachability import silent
from tftrain.errors import ServerLost, WorkersLost
from tftrain.keras_api import tf

AHEAD = 4  # steps under way for each worker: one runs, the others hide the round trip
LOOK_EVERY = 2.0  # seconds without a finished step before the tasks are asked for signs of life
STOP_LIMIT = 2.0  # seconds for the coordinator's threads to end
WORKERS_LIMIT = 120.0  # seconds without any worker before giving up

Receive = Callable[[Any], None]
_SERVER_TASK = re.compile(r"/job:ps/replica:\d+/task:(\d+)")


class Dispatcher:
    """Schedules steps of one ParameterServerStrategy; one is made for each strategy.

    Args:
        strategy: The strategy, in its coordinator.
        cluster: Addresses by job; "ps" and "worker" are asked for signs of life.
        workers_limit: Seconds without any reachable worker before `WorkersLost`.
    """

    def __init__(
        self,
        strategy: tf.distribute.ParameterServerStrategy,
        cluster: Mapping[str, list[str]],
        *,
        workers_limit: float = WORKERS_LIMIT,
    ) -> None:
        self.coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
        self._cluster = cluster
        self._workers_limit = workers_limit
        self._limit = AHEAD * len(cluster["worker"])
        self._waiting: queue.SimpleQueue[tuple[Any, Receive]] = queue.SimpleQueue()
        self._under_way = 0
        self._finished = 0
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        threading.Thread(target=self._collect, name="tftrain-collector", daemon=True).start()
        atexit.register(self._stop)

    def schedule(self, function: Any, args: tuple[Any, ...], receive: Receive) -> None:
        """Queues one step; `receive` gets its result, on a thread of this object's.

        Blocks while enough steps are under way.

        Args:
            function: A `tf.function`. It may run twice if its worker is lost in the middle; its
                result is received once.
            args: Tensors, or per-worker values, for `function`.
            receive: Called with the result, in the order of scheduling.

        Raises:
            ServerLost: A parameter server no longer answers.
            WorkersLost: No worker has answered for the time limit.
        """
        self._wait_to_send(lambda: self._under_way < self._limit)
        try:
            result = self.coordinator.schedule(function, args=args)
        except Exception as error:
            explained = self.explain(error)
            if explained is error:
                self._clear()
                raise
            raise explained from error
        with self._changed:
            self._under_way += 1
        self._waiting.put((result, receive))

    def join(self) -> None:
        """Blocks until every scheduled step's result has been received.

        Raises:
            ServerLost, WorkersLost: As `schedule`.
        """
        self._wait_to_send(lambda: self._under_way == 0)

    def explain(self, error: BaseException) -> BaseException:
        """Returns `ServerLost` if that is why `error` happened, and `error` itself otherwise."""
        if not isinstance(error, tf.errors.OpError):
            return error
        lost = silent(self._cluster["ps"])
        if not lost and isinstance(error, _gone()):
            # A server that was started again answers, but has forgotten its variables.
            lost = sorted({int(task) for task in _SERVER_TASK.findall(str(error))})
        return self._server_lost(lost) if lost else error

    def _server_lost(self, lost: list[int]) -> ServerLost:
        return ServerLost(f"/job:ps/task:{i} ({self._cluster['ps'][i]})" for i in lost)

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Blocks until `reached()`, looking for signs of life while nothing finishes.

        A failed step's error is raised here and again by the next `schedule` or `join`: who
        only looks at a value may swallow it, as Keras does when it turns logs into floats.

        Raises:
            ServerLost, WorkersLost: As `schedule`.
        """
        alive = time.monotonic()
        with self._changed:
            while not reached() and self._failure is None and self._under_way:
                before = self._finished
                self._changed.wait(LOOK_EVERY)
                idle = self._finished == before and not reached()
                alive = self._look(alive) if idle else time.monotonic()
            failure = self._failure
        if failure is not None:
            raise self.explain(failure) from failure

    def _wait_to_send(self, reached: Callable[[], bool]) -> None:
        try:
            self.wait_until(reached)
        except (ServerLost, WorkersLost):
            raise
        except Exception:
            self._clear()
            raise

    def _look(self, alive: float) -> float:
        """Asks every task for a sign of life; returns when a worker was last known to answer."""
        lost = silent(self._cluster["ps"])
        if lost:
            raise self._server_lost(lost)
        workers = self._cluster["worker"]
        if len(silent(workers)) < len(workers):
            return time.monotonic()
        if time.monotonic() - alive > self._workers_limit:
            raise WorkersLost(
                (f"/job:worker/task:{i} ({a})" for i, a in enumerate(workers)),
                self._workers_limit,
            )
        return alive

    def _clear(self) -> None:
        """Lets what is under way end after a step's own error: a later call starts clean."""
        with contextlib.suppress(Exception):
            self.coordinator.join()  # raises the same error again, and forgets it
        alive = time.monotonic()
        with self._changed:
            while not self._changed.wait_for(lambda: self._under_way == 0, LOOK_EVERY):
                alive = self._look(alive)
            self._failure = None

    def _collect(self) -> None:
        while True:
            result, receive = self._waiting.get()
            failure = None
            try:
                receive(self._get(result))
            except Exception as error:
                failure = error
            with self._changed:
                self._under_way -= 1
                self._finished += 1
                self._failure = self._failure or failure
                self._changed.notify_all()

    def _get(self, result: Any, patience: float = 5.0) -> Any:
        """Gets a step's result; one whose worker is lost while sending it is run again."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return result.get()
            except _gone():
                if self._failure is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _stop(self) -> None:
        # Left to the interpreter's end, the coordinator's threads would meet a half-dismantled
        # runtime. While a worker is lost, one of them holds, for ever, a lock that stopping needs.
        stop = threading.Thread(target=self.coordinator._cluster.stop, daemon=True)
        stop.start()
        stop.join(STOP_LIMIT)


def _gone() -> tuple[type[Exception], ...]:
    """What TensorFlow raises when the other end of a call is gone, or was started afresh."""
    errors = tf.errors
    return (errors.UnavailableError, errors.AbortedError, errors.CancelledError)
