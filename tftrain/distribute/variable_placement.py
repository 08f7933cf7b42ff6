"""Which parameter server holds which variable: each goes, whole, to the one with fewest bytes.

TensorFlow deals variables to servers by turns, whatever their size: with two servers and layers
of alternating kernel and bias, one gets all the kernels. Variables are not cut into shards:
`ShardedVariable` has no single resource handle, and a Keras 3 variable needs one, so gradients of
a sharded Keras variable cannot be taken. The largest variable must therefore fit one server.
Optimizer slots stay beside their variable, as TensorFlow asks, and count towards its server.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from tftrain.keras_api import tf

_SERVER = re.compile(r"/job:ps/(?:replica:\d+/)?task:(\d+)")


def lightest(loads: Sequence[int]) -> int:
    """Returns the index of the smallest load, the first of equals.

    Example:
        >>> lightest([8, 3, 3])
        1
    """
    return min(range(len(loads)), key=loads.__getitem__)


def server_of(device: str) -> int | None:
    """Returns the server's index in a device name, or None for any other device.

    Example:
        >>> server_of("/job:ps/replica:0/task:1/device:CPU:0")
        1
        >>> server_of("/job:worker/replica:0/task:1/device:CPU:0") is None
        True
    """
    found = _SERVER.search(device or "")
    return int(found.group(1)) if found else None


def balance(strategy: tf.distribute.ParameterServerStrategy) -> list[int]:
    """Makes `strategy` place each new variable on the server that holds the fewest bytes.

    Returns:
        The bytes placed on each server; the list is kept up to date as variables are made.
    """
    extended = strategy.extended
    loads = [0] * extended._num_ps
    create = extended._create_variable

    def create_balanced(next_creator: Callable[..., Any], **kwargs: Any) -> Any:
        # TensorFlow places on server `_variable_count % servers`.
        extended._variable_count = lightest(loads)
        variable = create(next_creator, **kwargs)
        server = server_of(variable.device)
        if server is not None:
            loads[server] += _bytes(variable)
        return variable

    extended._create_variable = create_balanced
    return loads


def _bytes(variable: Any) -> int:
    return math.prod(variable.shape.as_list()) * variable.dtype.size
