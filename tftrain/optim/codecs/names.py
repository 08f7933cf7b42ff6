"""Codecs by name, as flags and configuration files give them."""

from __future__ import annotations

from collections.abc import Callable

from tftrain.errors import BadInput, UnknownName
from tftrain.optim.codecs.codec import Codec
from tftrain.optim.codecs.half_precision import Bf16, Fp16
from tftrain.optim.codecs.int8 import Int8
from tftrain.optim.codecs.power_sgd import DEFAULT_RANK, PowerSGD
from tftrain.optim.codecs.top_k import DEFAULT_FRACTION, TopK

_PLAIN: dict[str, Callable[[], Codec]] = {
    "none": Codec,
    "bf16": Bf16,
    "fp16": Fp16,
    "int8": Int8,
}
_WITH_NUMBER = {"topk": (TopK, float, "a fraction"), "powersgd": (PowerSGD, int, "a rank")}
FORMS = (*_PLAIN, f"topk:{DEFAULT_FRACTION}", f"powersgd:{DEFAULT_RANK}")


def named(text: str) -> Codec:
    """The codec that a text such as `int8` or `topk:0.01` names.

    Args:
        text: One of `none`, `bf16`, `fp16`, `int8`, `topk:FRACTION`, `powersgd:RANK`; without
            its number `topk` keeps a hundredth, `powersgd` has rank 4.

    Raises:
        UnknownName: There is no such codec.
        BadInput: Its number is missing, not one, or out of range.

    Example:
        >>> named("topk:0.05").fraction
        0.05
    """
    name, colon, number = text.partition(":")
    if name in _PLAIN and not colon:
        return _PLAIN[name]()
    if name in _PLAIN:
        raise BadInput(f"gradient codec {text!r}: {name} takes no number; expected {name!r}")
    if name not in _WITH_NUMBER:
        raise UnknownName("gradient codec", name, [*_PLAIN, *_WITH_NUMBER])
    codec, kind, meaning = _WITH_NUMBER[name]
    if not colon:
        return codec()
    try:
        value = kind(number)
    except ValueError:
        example = next(form for form in FORMS if form.startswith(name))
        raise BadInput(
            f"gradient codec {text!r}: expected {meaning} after the colon, e.g. {example!r}"
        ) from None
    return codec(value)
