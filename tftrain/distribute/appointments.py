"""Workers agree on something to do after the same execution of steps, at no cost a step.

One worker wishes something, between two executions of steps; all must do it, and after the same
execution, since what they do (saving, stopping) is a collective or ends one. A thread in every
worker waits for wishes, in TensorFlow's coordination service. The worker with the wish

1. sends every worker the number of the execution that it is about to take part in, and
2. takes part in it only when every worker's thread has answered.

An execution of synchronous training ends nowhere before all workers have taken part in it: it
sums gradients and metrics over them. So when it ends, in whichever worker, the thread there has
answered, and the worker knows. None of them can be further, since the execution after that one
is not begun by the worker with the wish.

Nothing waits for ever. Threads answer whatever their worker does: it lets go of Python's lock
while TensorFlow runs. A worker that is dead accepts no connection and is not waited for; then the
execution fails as it would have. Two workers with a wish at the same time have the same execution
in mind: had one finished it, both would have begun it, and the first with a wish only after the
other's thread had answered. TensorFlow's PreemptionCheckpointHandler agrees in the same way.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import threading
import time
from typing import Any, NamedTuple

from tftrain.distribute import notice_board, reachability, roles
from tftrain.distribute.clusters import Cluster
from tftrain.distribute.local_sgd import is_local_sgd
from tftrain.keras_api import tf

_WAIT_SECONDS = 30.0  # of one request of the service, which ends early when there is a text
_ANSWER_SECONDS = 60.0  # a peer that is alive and silent for so long is not waited for any more

_rounds = itertools.count()


class _Wish(NamedTuple):
    execution: int
    text: str


class Appointments:
    """What the workers of a job have agreed to do; made by all of them, together, for one `fit`.

    Args:
        cluster: The job.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._key = cluster, f"appointments/{next(_rounds)}"
        self._executions = self._kept = 0
        self._agreed: collections.deque[_Wish] = collections.deque()
        self._is_closed = False
        self._thread = threading.Thread(target=self._listen, name="appointments", daemon=True)
        self._thread.start()

    def make(self, text: str) -> None:
        """Wishes that all do something after the next execution; returns when all know.

        To be called between executions. If something is agreed on already, that is all.
        """
        if self._agreed:
            return
        number, wish = self._kept, f"{self._executions + 1} {text}"
        with contextlib.suppress(tf.errors.OpError):  # a job that breaks says so in its steps
            for name in (self._cluster.name, *self._cluster.peers):
                self._post(number, name, wish)
            for name, address in self._cluster.peers.items():
                self._wait_for_answer(number, name, address)

    def after_execution(self) -> str | None:
        """What is to be done now; to be called after every execution, in every worker."""
        self._executions += 1
        if not self._agreed or self._agreed[0].execution > self._executions:
            return None
        self._kept += 1
        return self._agreed.popleft().text

    def close(self) -> None:
        """Ends listening."""
        self._is_closed = True
        with contextlib.suppress(tf.errors.OpError):
            self._post(self._kept + len(self._agreed), self._cluster.name, "")
        self._thread.join()

    def _listen(self) -> None:
        with contextlib.suppress(tf.errors.OpError):
            for number in itertools.count():
                text = self._read(number)
                if text:
                    execution, _, wish = text.partition(" ")
                    self._agreed.append(_Wish(int(execution), wish))
                # In a worker that ends too: somebody may be waiting.
                notice_board.post(self._answer(number, self._cluster.name), "heard")
                if self._is_closed or not text:
                    return

    def _read(self, number: int) -> str:
        while not self._is_closed:
            text = notice_board.read(self._to(number, self._cluster.name), _WAIT_SECONDS)
            if text is not None:
                return text
        return ""

    def _post(self, number: int, name: str, text: str) -> None:
        with contextlib.suppress(tf.errors.AlreadyExistsError):  # another's wish, the same
            notice_board.post(self._to(number, name), text)

    def _wait_for_answer(self, number: int, name: str, address: str) -> None:
        deadline = time.monotonic() + _ANSWER_SECONDS
        while notice_board.read(self._answer(number, name), 1.0) is None:
            if time.monotonic() > deadline or not reachability.answers(address):
                return

    def _to(self, number: int, name: str) -> str:
        return f"{self._key}/{number}/to {name}"

    def _answer(self, number: int, name: str) -> str:
        return f"{self._key}/{number}/of {name}"


def between(strategy: Any) -> Appointments | None:
    """Appointments of the workers that train in step; None where there is one process only.

    None too under local SGD, where executions of one worker wait for nobody, and in a job that
    `tftrain.distribute.strategy` has not made; see `can_agree`.
    """
    cluster = getattr(strategy, "_tftrain_cluster", None)
    if not roles.is_multi_worker(strategy) or cluster is None or is_local_sgd(strategy):
        return None
    return Appointments(cluster) if cluster.peers else None


def can_agree(strategy: Any) -> bool:
    """Whether all processes that train together can act after the same execution."""
    if not roles.is_multi_worker(strategy):
        return True
    return hasattr(strategy, "_tftrain_cluster") and not is_local_sgd(strategy)
