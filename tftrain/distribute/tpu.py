"""TPU strategies; everything that can fail for want of a TPU fails here, with one message."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from tftrain.errors import StrategyError
from tftrain.keras_api import tf

ADDRESS_VARIABLE = "TPU_NAME"


def visible() -> str | None:
    """Why a TPU should be used here, or None."""
    if os.environ.get(ADDRESS_VARIABLE):
        return f"{ADDRESS_VARIABLE} is set"
    if tf.config.list_physical_devices("TPU"):
        return "a TPU is visible"
    return None


def strategy(find: Callable[[str], Any] | None = None) -> Any:
    """Connects to the TPU and makes a TPUStrategy over its cores.

    Args:
        find: Makes a resolver from an address; TPUClusterResolver by default. The address is
            `TPU_NAME`, or `local` on a TPU host.

    Raises:
        StrategyError: No TPU was found, or it did not initialize.

    Reference: https://www.tensorflow.org/guide/tpu
    """
    address = os.environ.get(ADDRESS_VARIABLE) or "local"
    if find is None and visible() is None:
        raise _no_tpu("none is visible", address)
    try:
        resolver = (find or tf.distribute.cluster_resolver.TPUClusterResolver)(address)
        if address != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, ImportError, OSError, tf.errors.OpError) as error:
        raise _no_tpu(f"{type(error).__name__}: {str(error).splitlines()[0]}", address) from error


def _no_tpu(reason: str, address: str) -> StrategyError:
    return StrategyError(
        f"strategy 'tpu' found no usable TPU at {address!r} ({reason}): run on a TPU host, or set "
        f"{ADDRESS_VARIABLE} to the TPU's name or grpc://host:port; without a TPU use strategy "
        "'auto'"
    )
