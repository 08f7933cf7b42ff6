"""Smaller gradients between replicas, for networks that are slower than the computation.

Example:
    with tftrain.distribute.strategy("multiworker").scope():
        model = ...
        optimizer = tftrain.optim.compress_gradients(keras.optimizers.SGD(0.1), "powersgd:4")
        model.compile(optimizer, ...)
    model.fit(...)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tftrain.errors import BadInput
from tftrain.optim import codecs
from tftrain.optim.codecs import Codec

if TYPE_CHECKING:
    from tftrain.keras_api import keras


def check_codec(text: str) -> None:
    """Raises UnknownName or BadInput unless `text` names a gradient codec."""
    codecs.named(text)


def compress_gradients(
    optimizer: keras.optimizers.Optimizer, codec: str | Codec, *, warmup_steps: int = 0
) -> keras.optimizers.Optimizer:
    """Makes `optimizer` compress what replicas exchange, under Mirrored and MultiWorker.

    Each replica compresses its gradients, all sum what they receive, and every replica ends the
    step with the same weights, to the bit. Clipping acts on the sum; with gradient accumulation
    each micro-batch is exchanged, compressed. What a codec keeps between steps is among
    `optimizer.variables` and is saved with them. Gradients that are not float32, and those of
    embeddings (`tf.IndexedSlices`), go as they are.

    Args:
        optimizer: Not yet built. It is changed, not copied.
        codec: `none`, `bf16`, `fp16`, `int8`, `topk:0.01` (the fraction kept), `powersgd:4` (the
            rank), or an object from `tftrain.optim.codecs`, of one optimizer alone.
        warmup_steps: Steps whose gradients are exchanged whole, before compression begins.

    Returns:
        `optimizer` itself. With one replica alone it works as it did, with a warning.

    Raises:
        UnknownName: There is no such codec.
        BadInput: The codec's number is out of range, or the optimizer cannot take a codec.
        StrategyError: Under a strategy whose replicas do not sum their gradients.

    Example:
        >>> from tftrain.keras_api import keras
        >>> optimizer = compress_gradients(keras.optimizers.SGD(0.1), "int8", warmup_steps=100)
        >>> type(optimizer).__name__
        'SGD'
    """
    from tftrain.optim import gradient_compression

    codec = codecs.named(codec) if isinstance(codec, str) else codec
    if not isinstance(codec, Codec):
        raise BadInput(f"codec is {codec!r}; expected a name or an object of tftrain.optim.codecs")
    if warmup_steps < 0:
        raise BadInput(f"warmup_steps is {warmup_steps}; expected 0 or more")
    if type(codec) is not Codec:
        gradient_compression.attach(optimizer, codec, warmup_steps)
    return optimizer


def gradient_bytes(optimizer: keras.optimizers.Optimizer, steps: Iterable[int]) -> int:
    """Bytes of gradients that one of several replicas contributes to the exchanges of steps.

    Without headers. Of float32 gradients; with a codec, not of those that never reach it, the
    gradients of embeddings.

    Args:
        optimizer: Built; with or without a codec.
        steps: Numbers of the steps, as `optimizer.iterations` counts them from 0.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    compression = getattr(optimizer, "gradient_compression", None)
    if compression is not None:
        return sum(compression.bytes_at(step) for step in steps)
    size = sum(math.prod(each.shape) for each in optimizer._trainable_variables)
    exchanges = sum(1 for _ in steps) * (optimizer.gradient_accumulation_steps or 1)
    return codecs.BYTES_OF_FLOAT * size * exchanges
