"""Whether a strategy's replicas sum their gradients where a codec can take part."""

from __future__ import annotations

from tftrain.errors import StrategyError
from tftrain.keras_api import keras, tf


def sums_gradients(strategy: tf.distribute.Strategy) -> bool:
    """Whether replicas sum their gradients through the repairs of tftrain.

    Raises:
        StrategyError: They do so elsewhere, or not at all.
    """
    if isinstance(strategy, tf.distribute.experimental.ParameterServerStrategy):
        raise StrategyError(
            "gradient codecs under parameter servers: workers send their gradients to servers "
            "instead of summing them; expected strategy 'mirrored' or 'multiworker'"
        )
    synchronous = (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy)
    if strategy.num_replicas_in_sync == 1:
        return isinstance(strategy, synchronous)
    if not isinstance(strategy, synchronous):
        raise StrategyError(
            f"gradient codecs under {type(strategy).__name__}; expected strategy 'mirrored' or "
            "'multiworker'"
        )
    if not getattr(keras.optimizers.Optimizer, "_tftrain_asks_for_codec", False):
        raise StrategyError(
            "gradient codecs need Keras as tftrain repairs it: make the strategy with "
            "tftrain.distribute.strategy"
        )
    return True
