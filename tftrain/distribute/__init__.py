"""One script, one device or many hosts: strategies, clusters, the launcher, repairs of Keras.

Example:
    >>> import tftrain.distribute
    >>> callable(tftrain.distribute.strategy)
    True
"""

from tftrain.distribute import layouts, restarts
from tftrain.distribute.aggregation import aggregates_gradients
from tftrain.distribute.departure import wait_for_writer
from tftrain.distribute.roles import is_writer
from tftrain.distribute.strategies import strategy
from tftrain.distribute.strategy_options import NAMES, OPTIONS, check_options

__all__ = [
    "NAMES",
    "OPTIONS",
    "aggregates_gradients",
    "check_options",
    "is_writer",
    "layouts",
    "restarts",
    "strategy",
    "wait_for_writer",
]
