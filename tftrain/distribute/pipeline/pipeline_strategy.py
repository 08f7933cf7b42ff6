"""The strategy under which a model's layers are shared out over the devices of this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tftrain.distribute.pipeline import placement
from tftrain.keras_api import tf

if TYPE_CHECKING:
    from tftrain.distribute.pipeline.schedules import Schedule

HOST = "CPU:0"


class PipelineStrategy(tf.distribute.OneDeviceStrategy):
    """Trains a model in stages, one a device, which work on micro-batches side by side.

    What belongs to no stage (the step counter, metrics, the learning rate) is in the memory of the
    host, as is a model until it is compiled: no device ever holds more than its stage.

    Args:
        devices: The device of each stage.
        cut: Names of the layers that begin a stage, each, but the first stage; None to cut by
            bytes of weights.
        micro_batches: Into how many parts a batch is cut.
        schedule: `1f1b` or `gpipe`.

    Attributes:
        extent: How it divides the work, in words.
    """

    def __init__(
        self,
        devices: Sequence[str],
        cut: Sequence[str] | None = None,
        micro_batches: int = 4,
        schedule: str = "1f1b",
    ) -> None:
        super().__init__(HOST)
        self.devices = [_full_name(device) for device in devices]
        self.cut, self.micro_batches, self.order = cut, micro_batches, schedule
        self.extent = f"{len(self.devices)} stages, {micro_batches} micro-batches, {schedule}"
        self._place_of_new: str | None = None
        extended = self.extended
        self._create, self._update_here = extended._create_variable, extended._update
        extended._create_variable = self._create_variable
        extended._update = self._update
        extended._experimental_distribute_dataset = lambda dataset, options: dataset

    def placement(self, model: Any) -> placement.Placement:
        """What each stage of a compiled model keeps on its device: printed, a table."""
        from tftrain.distribute.pipeline import pipeline

        optimizer = getattr(model, "optimizer", None)
        return placement.of(pipeline.adopt(model, self).stages, optimizer)

    def schedule(
        self, model: Any, x: Any, y: Any = None, sample_weight: Any = None, *, repeats: int = 5
    ) -> Schedule:
        """Measures when each stage works on which micro-batch of a batch, and when it waits.

        Forward and backward passes are run; the model stays as it is. The times are those of this
        machine's CPU, of whichever devices the stages are on.

        Args:
            model: Compiled in this strategy's scope.
            x: One batch's inputs, nested arrays.
            y: Its targets.
            sample_weight: Its weights.
            repeats: How often it is measured; the run of the median duration is given.

        Raises:
            StrategyError: The model cannot be trained in a pipeline.
        """
        from tftrain.distribute.pipeline import measuring, pipeline

        adopted = pipeline.adopt(model, self)
        adopted.require_trainable()
        return measuring.measure(adopted, x, y, sample_weight, repeats)

    @contextlib.contextmanager
    def placing_on(self, device: str) -> Iterator[None]:
        """Within the block, and the scope, new variables are made on a device."""
        kept, self._place_of_new = self._place_of_new, device
        try:
            yield
        finally:
            self._place_of_new = kept

    def _create_variable(self, next_creator: Callable[..., Any], **kwargs: Any) -> Any:
        if self._place_of_new is None or kwargs.get("colocate_with") is not None:
            return self._create(next_creator, **kwargs)
        with tf.device(self._place_of_new):
            return next_creator(**kwargs)

    def _update(self, variable: Any, *args: Any) -> Any:
        """Computes an update where its variable is."""
        extended = self.extended
        kept, extended._device = extended._device, variable.device
        try:
            return self._update_here(variable, *args)
        finally:
            extended._device = kept


def is_pipeline(strategy: Any) -> bool:
    """Whether `strategy` trains a model in stages."""
    return isinstance(strategy, PipelineStrategy)


def _full_name(device: str) -> str:
    from tensorflow.python.distribute import device_util

    return device_util.resolve(device)
