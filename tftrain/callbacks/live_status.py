"""What a training is at right now, for `tftrain top`."""

from __future__ import annotations

import collections
import os
import time
from typing import Any

from tftrain.callbacks.resources import ResourceMonitor
from tftrain.callbacks.trained_part import rows_counted
from tftrain.distribute import restarts, roles
from tftrain.distribute.keras_bridge.replication import is_replicated, workers_of
from tftrain.distribute.parameter_server import is_parameter_server
from tftrain.errors import BadInput
from tftrain.keras_api import keras
from tftrain.live import Publisher, Usage
from tftrain.resources import Sampler

_MARKS = 6  # of about a second each, over which the speed is taken


class LiveStatus(keras.callbacks.Callback):
    """Tells `tftrain top` about once a second where the training is, and what the process uses.

    `tftrain train` and `tftrain finetune` have it; put it into the callbacks of a script of your
    own. Engines that run many steps at a time are not slowed down: the step is the one after which
    they have called last. A thread writes; measured on the perceptron and MNIST at batch 32 it
    costs less than 1% of an epoch in every engine (`benchmarks/resource_monitor.py --of=live`).

    Args:
        run: The run's folder, into which to write: on a file system that other machines have too,
            they see the training. None writes into a folder of this user on this machine.
        every_secs: Seconds between two reports; more if one takes more than 0.3% of the time.
        resources: A ResourceMonitor among the callbacks, which knows how long data were waited
            for.

    Raises:
        BadInput: A number is out of range.
    """

    needs_every_batch = False

    def __init__(
        self,
        run: str | os.PathLike[str] | None = None,
        *,
        every_secs: float = 1.0,
        resources: ResourceMonitor | None = None,
    ) -> None:
        super().__init__()
        if not 0 < every_secs < float("inf"):
            raise BadInput(f"every_secs is {every_secs}; expected a positive number")
        self._run, self._resources = run, resources
        self._every, self._sampler = every_secs, Sampler([self], every_secs)
        self._publisher: Publisher | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begins to write."""
        self._close()
        self._phase, self._epoch, self._step = "starting", None, 0
        self._gap, self._progress, self._progress_at = 0.0, time.monotonic(), time.time()
        self._marks = collections.deque([(self._progress, 0)], _MARKS)
        self._speed: float | None = None
        self._rows_per_step: float | None = None
        self._wait_share: float | None = None
        self._usage = Usage(os.getpid())
        self._publisher = Publisher(
            roles.task_name() or "process",
            job=restarts.job(),
            restart=restarts.restarts(),
            run=self._run,
            makes_folders=roles.process_is_writer(),
        )
        self.sample()
        self._sampler.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch."""
        self._epoch, self._step = epoch, 0
        self._move()
        self._marks = collections.deque([(self._progress, 0)], _MARKS)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the step, and once in a while the speed."""
        self._phase, self._step = "training", batch + 1
        self._move()
        if self._progress - self._marks[-1][0] >= self._every:
            self._measure(within=True)
            self._marks.append((self._progress, self._step))

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """The training part of an epoch is over; Keras counts rows anew."""
        if self._phase == "training":
            self._measure()
        self._phase = "validating"

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The same, without validation."""
        if self._phase == "training":
            self._measure()
        self._move()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Writes for the last time; the process may have more to do."""
        self._phase = "trained"
        self._sampler.stop()
        self.sample()

    def on_fit_exit(self) -> None:
        """After an error there is nothing more to tell."""
        if self._publisher is not None and self._phase != "trained":
            self._close()

    def sample(self) -> None:
        """Writes what is known now; the thread calls it."""
        rows, speed = self._rows_per_step, self._speed
        self._publisher.write(
            {
                "phase": self._phase,
                "epoch": None if self._epoch is None else self._epoch + 1,
                "epochs": self.params.get("epochs"),
                "step": self._step,
                "steps": self.params.get("steps"),
                "steps_per_second": speed,
                "examples_per_second": rows * speed if rows and speed else None,
                "input_wait_share": self._wait_share,
                "progress_at": self._progress_at,
                "longest_gap": self._gap,
                "usage": self._usage.look(),
            }
        )

    def _move(self) -> None:
        """Something was done."""
        now = time.monotonic()
        self._gap = max(self._gap, now - self._progress)
        self._progress, self._progress_at = now, time.time()

    def _measure(self, within: bool = False) -> None:
        """The speed and what else an epoch tells, at its end or within it."""
        began, before = self._marks[0]
        if self._step > before:
            self._speed = (self._step - before) / (self._progress - began)
        strategy = self.model.distribute_strategy
        if not (within and is_parameter_server(strategy)):  # they add up at the end
            rows = rows_counted(self.model)
            workers = workers_of(strategy) if is_replicated(strategy) else 1
            self._rows_per_step = rows and rows / workers / self._step
        if self._resources is not None:
            self._wait_share = self._resources.input_wait_share()

    def _close(self) -> None:
        self._sampler.stop()
        if self._publisher is not None:
            self._publisher.remove()
        self._publisher = None
