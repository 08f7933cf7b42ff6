"""The options of a pipeline, checked and turned into a strategy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tftrain.distribute import runtime
from tftrain.distribute.pipeline import orders
from tftrain.errors import ConfigError
from tftrain.keras_api import tf

if TYPE_CHECKING:
    from tftrain.distribute.pipeline.pipeline_strategy import PipelineStrategy


def strategy(
    stages: int | None = None,
    cut: Sequence[str] | None = None,
    micro_batches: int | None = None,
    schedule: str | None = None,
) -> PipelineStrategy:
    """Returns a strategy under which a plain Keras `fit` trains in stages.

    Args:
        stages: How many; by default as many as GPUs are visible, or 2, or what `cut` says.
        cut: Names of the layers that begin a stage, each, but the first stage.
        micro_batches: Into how many parts a batch is cut; 4.
        schedule: `1f1b` or `gpipe`; 1F1B, which keeps fewer activations.

    Raises:
        ConfigError: The options are not what they can be.
        StrategyError: There are fewer devices, or TensorFlow has run.
    """
    problems = list(_problems(stages, cut, schedule))
    if problems:
        raise ConfigError(problems)
    count = len(cut) + 1 if cut else stages
    if count is None:
        count = max(2, len(tf.config.list_physical_devices("GPU")))
    devices = runtime.take_devices(count, "pipeline", f"stages={count}")
    from tftrain.distribute.pipeline.pipeline_strategy import PipelineStrategy

    return PipelineStrategy(devices, cut, micro_batches or 4, schedule or orders.NAMES[0])


def _problems(stages: Any, cut: Any, schedule: Any) -> Iterator[str]:
    if cut is not None and not (_is_list(cut) and all(isinstance(name, str) for name in cut)):
        yield f"cut={cut!r}: expected names of layers, e.g. cut=['dense_2']"
    elif cut is not None and stages is not None and stages != len(cut) + 1:
        yield (
            f"stages={stages} with cut={list(cut)}: {len(cut)} "
            f"cut{'s' * (len(cut) > 1)} make {len(cut) + 1} stages; leave stages out"
        )
    if schedule is not None and schedule not in orders.NAMES:
        yield f"schedule={schedule!r}: expected {' or '.join(map(repr, orders.NAMES))}"


def _is_list(cut: Any) -> bool:
    return isinstance(cut, (list, tuple)) and bool(cut)
