"""When somebody takes the machine away: save, and stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any

import numpy as np

from tftrain.callbacks.checkpoint import Checkpoint
from tftrain.distribute import appointments, keras_bridge, roles, worker_sums
from tftrain.distribute.keras_bridge import chief_broadcast, fit_exit
from tftrain.distribute.parameter_server import is_parameter_server
from tftrain.distribute.signals import HANDLED, PREEMPTING
from tftrain.errors import BadInput, CallbackError, Preempted
from tftrain.keras_api import keras
from tftrain.roles import keeps_files_of

_SAME_SECONDS = 1.0  # launchers and schedulers may send a signal twice, one after the other


class Preemption(keras.callbacks.Callback):
    """Saves at the next end of an execution of steps after a signal, and stops.

    Kubernetes, Slurm and clouds announce by a signal that a process will be killed, commonly 30
    seconds later. `Checkpoint.save_now()` of the `fit`'s Checkpoint is called, and `fit` raises
    `Preempted`, whose exit code says so to launchers. A second signal, a second later or more,
    ends the process at once, as if this callback were not there.

    How long it takes: Python sees a signal when TensorFlow returns from an execution of steps.
    The fused engines, which take many steps in one, keep executions to about `secs` for this
    callback, but for the first one, 32 steps. `keras` takes one step an execution, `multi_step`
    up to 32: if that is too long, let `every_steps` be a divisor of 32. Then comes the save
    itself. A validation pass is cut short; the epoch's is then run whole by the training that goes
    on. Under parameter servers it is not cut short.

    Of several workers all stop after the same step, whichever of them were told; see
    distribute/appointments.py. Under local SGD they stop where an epoch ends.

    Put it after the Checkpoint among the callbacks.

    Args:
        signals: Names of signals.
        every_steps: Executions end after every so many batches of an epoch; None for no matter.
        secs: What an execution of a fused engine should take at most.

    Raises:
        BadInput: There is no such signal.
        CallbackError: When training begins: in another thread than the process's main one, which
            alone can handle signals; or no Checkpoint comes before this callback.
        Preempted: From `fit`.
    """

    needs_every_batch = False

    def __init__(
        self,
        signals: Sequence[str] = PREEMPTING,
        *,
        every_steps: int | None = None,
        secs: float = 2.0,
    ) -> None:
        super().__init__()
        keras_bridge.install()
        self._numbers = [_number(name) for name in signals]
        self.needs_every_steps, self.needs_every_secs = every_steps, secs
        self._strategy: Any = None
        self._received: int | None = None
        self._handlers: dict[int, Any] = {}
        self._appointments: appointments.Appointments | None = None
        self._metrics: list[np.ndarray] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Takes the signals over."""
        self._checkpoint = self._find_checkpoint()
        if threading.current_thread() is not threading.main_thread():
            raise CallbackError(
                "Preemption in a thread: Python handles signals in the main thread only; call fit "
                "there"
            )
        self._strategy = self.model.distribute_strategy
        self._received, self._metrics = None, None
        for number in self._numbers:
            self._handlers[number] = signal.signal(number, self._note)
        self._appointments = appointments.between(self._strategy)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops if a signal came between epochs."""
        if not appointments.can_agree(self._strategy):
            self._stop_together()
        elif self._received:
            self._between_executions()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops if a signal came."""
        self._after_execution()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keeps the metrics of the epoch, which a checkpoint made while validating must hold."""
        if not is_parameter_server(self._strategy):
            self._metrics = [variable.numpy() for variable in self.model.metrics_variables]

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops if a signal came."""
        if not is_parameter_server(self._strategy):  # where steps are under way meanwhile
            self._after_execution()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Validation is over; so is the need for the metrics of training."""
        self._metrics = None

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Stops if a signal came after the last step."""
        self._stop_together()

    def on_fit_exit(self) -> None:
        """Gives the signals back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: one that Python cannot name
        self._handlers = {}
        if self._appointments is not None:
            self._appointments.close()
            self._appointments = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._received and now - self._received_at > _SAME_SECONDS:
            signal.signal(number, self._handlers.pop(number) or signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif not self._received:
            self._received, self._received_at = number, now
            name = signal.Signals(number).name
            os.write(2, f"tftrain: {name}: saving after this step, then stopping\n".encode())

    def _after_execution(self) -> None:
        if self._appointments is None:
            if self._received and appointments.can_agree(self._strategy):
                self._stop(self._received)
            return
        agreed = self._appointments.after_execution()
        if agreed:
            self._stop(int(agreed))
        if self._received:
            self._between_executions()

    def _between_executions(self) -> None:
        if self._appointments is None:
            self._stop(self._received)
        else:
            self._appointments.make(str(self._received))

    def _stop_together(self) -> None:
        """Stops if any of the workers has got a signal, where all of them ask at the same time."""
        received = self._received or 0
        if roles.is_multi_worker(self._strategy):
            counts = np.arange(signal.NSIG) == received
            workers = roles.between_workers(self._strategy)
            (of_all,) = worker_sums.over_workers(workers, [counts.astype(np.int64)])
            received = int(np.flatnonzero(of_all)[-1])
        if received:
            self._stop(received)

    def _stop(self, number: int) -> None:
        if self._metrics is not None:
            for variable, value in zip(self.model.metrics_variables, self._metrics, strict=True):
                variable.assign(value)
        self._checkpoint.save_now()
        name = signal.Signals(number).name
        writes = keeps_files_of(self.model)
        directory = str(self._checkpoint.directory) if writes else "the chief's folder"
        raise Preempted(name, number, self._saved_step(), directory)

    def _saved_step(self) -> int:
        """The newest checkpoint's; other workers wait here for the chief to have written it."""
        step = self._checkpoint.saved_step
        if not roles.is_multi_worker(self._strategy):
            return step
        workers = roles.between_workers(self._strategy)
        return chief_broadcast.integers(workers, [step], length=1)[0]

    def _find_checkpoint(self) -> Checkpoint:
        given = fit_exit.callbacks_of(self.model)
        before = given[: given.index(self)]
        for callback in before:
            if isinstance(callback, Checkpoint):
                return callback
        raise CallbackError(
            "Preemption has nothing to save with: give callbacks=[..., "
            "tftrain.callbacks.Checkpoint(FOLDER), tftrain.callbacks.Preemption()], in this order"
        )


def _number(name: str) -> int:
    if name not in HANDLED:
        raise BadInput(f"{name!r} is no signal that can be handled; expected e.g. SIGTERM, SIGUSR1")
    return HANDLED[name]
