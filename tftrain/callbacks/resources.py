"""What a training uses of the machine, epoch by epoch."""

from __future__ import annotations

import os
import time
from typing import Any

from tftrain.callbacks import resource_warnings, watched_steps
from tftrain.callbacks.model_work import ModelWork
from tftrain.callbacks.resource_summaries import ResourceSummaries
from tftrain.callbacks.trained_part import TrainedPart
from tftrain.errors import BadInput
from tftrain.keras_api import keras
from tftrain.resources import ControlGroups, Disk, Gpus, Memory, Processor, Sampler
from tftrain.roles import keeps_files_of


class ResourceMonitor(keras.callbacks.Callback):
    """Watches processor, memory, disk and GPUs, the waiting for data, and the speed reached.

    The figures of an epoch are in `last` from its end on; logs and History stay as they are. In a
    run of `tftrain train` they are in metrics.jsonl and in the report. Put it before the callbacks
    that read it. A thread looks once a second; what passes between two looks, such as a short
    peak of memory, is missed. Measured on the perceptron and MNIST at batch 32 it costs less than
    1% of an epoch in every engine (`benchmarks/resource_monitor.py`). Once, in the first epoch,
    the peak of the machine is measured, which takes a moment.

    Warnings go to stderr, each once: for data when an epoch of more than a second has waited for
    them for 30% of its time; for memory when 90% of what may be used is in use; for the disk when
    it has no room for two checkpoints, or less than 1 GB and less than 2%.

    Args:
        folder: Where the run writes: the disk to watch. It need not exist yet.
        every_secs: Seconds between two looks.
        peak_flops: Operations a second that all devices together could do; None measures it, as
            `resources.peak_flops` tells.
        tensorboard_dir: Where to write the figures for TensorBoard; None writes none.

    Attributes:
        epoch: The epoch that began last; None before the first.
        last: The figures of the epoch that ended last, of these as far as they can be known:
            `seconds`, of the training part; `examples_per_second`; `input_wait_share`;
            `flops_per_example`, `peak_flops` and `flop_utilization`; and those that `Processor`,
            `Memory`, `Disk` and `Gpus` of `tftrain.resources` tell.

    Raises:
        BadInput: A number is out of range.
    """

    needs_every_batch = False

    def __init__(
        self,
        folder: str | os.PathLike[str] = ".",
        *,
        every_secs: float = 1.0,
        peak_flops: float | None = None,
        tensorboard_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("every_secs", every_secs), ("peak_flops", peak_flops)):
            if value is not None and not 0 < value < float("inf"):
                raise BadInput(f"{name} is {value}; expected a positive number")
        groups = ControlGroups()
        self._meters = [Processor(groups), Memory(groups), Disk(folder), Gpus()]
        self._sampler = Sampler(self._meters, every_secs)
        self._peak_flops, self._summaries = peak_flops, ResourceSummaries(tensorboard_dir)
        self.epoch: int | None = None
        self._seen: dict[str, float] = {}
        self._of_model: dict[str, float] | None = {}

    @property
    def last(self) -> dict[str, float]:
        """See above; what is slow to find out is found out when this is first read."""
        if self._of_model is None:
            speed = self._seen.get("examples_per_second")
            self._of_model = self._work.figures(self._part.inputs, speed)
        return {**self._seen, **self._of_model}

    def input_wait_share(self) -> float | None:
        """How much of this epoch steps have waited for data so far; None if it is not known."""
        return None if self.epoch is None else self._part.input_wait_share()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begins to look."""
        self._part = TrainedPart(self.model)
        self._work = ModelWork(self.model, self._peak_flops)
        self._warnings = resource_warnings.ResourceWarnings(self.model)
        for meter in self._meters:
            meter.begin()
        self._sampler.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begins an epoch."""
        self.epoch, self._began = epoch, time.perf_counter()
        with self._sampler.lock:
            for meter in self._meters:
                meter.begin()
        self._part.begin()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the first."""
        self._part.begin_batch(batch)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the time."""
        self._part.end_batch(batch)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """The training part of the epoch is over."""
        self._part.end()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Puts the figures together."""
        self._part.end()
        seconds = time.perf_counter() - self._began
        with self._sampler.lock:
            of_meters = [meter.figures(seconds) for meter in self._meters]
        seen = (self._part.figures, *of_meters)
        self._seen = {name: value for each in seen for name, value in each.items()}
        self._of_model = None
        self._warnings.look_at(self._seen, self._part.batches)
        if self._summaries.wanted and keeps_files_of(self.model):
            self._summaries.write(epoch, self.last)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Looks no more."""
        self.on_fit_exit()

    def on_fit_exit(self) -> None:
        """Looks no more, also after an error."""
        watched_steps.unwatch(self.model)
        self._sampler.stop()
        self._summaries.close()
