"""Sizes, rates and times as people write them: 80GiB, 100Gbit/s, 312TFLOP/s, 5us."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from tftrain.errors import BadInput, suggestion

_DECIMAL = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTP", start=1)}
_BYTES = {f"{prefix}B": factor for prefix, factor in {**_DECIMAL, **_BINARY}.items()}
_RATES = {
    **{f"{prefix}bit/s": factor / 8 for prefix, factor in {**_DECIMAL, **_BINARY}.items()},
    **{f"{name}/s": factor for name, factor in _BYTES.items()},
}
_FLOPS = {f"{prefix}FLOP/s": factor for prefix, factor in _DECIMAL.items()}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_BITS = re.compile("b(ps|/s)$")  # as bits are often written; a capital stands for bytes
_QUANTITY = re.compile(r"([0-9.]+(?:e[+-]?[0-9]+)?)\s*([A-Za-z/]*)", re.IGNORECASE)


def size(text: str | float, name: str = "size") -> float:
    """Bytes.

    Args:
        text: A number of bytes, or text with a unit: `80GiB` (1024 to the third), `80GB` (1000).
        name: What it is, for the error.

    Raises:
        BadInput: It is no positive number with such a unit.

    Example:
        >>> size("2GiB"), size("1.5 kB"), size(64)
        (2147483648.0, 1500.0, 64.0)
    """
    return _number(text, name, _BYTES, "80GiB or 80GB")


def rate(text: str | float, name: str = "bandwidth") -> float:
    """Bytes a second, from bits or bytes a second.

    Example:
        >>> rate("100Gbit/s"), rate("1GB/s")
        (12500000000.0, 1000000000.0)
        >>> rate("100")
        Traceback (most recent call last):
        tftrain.errors.BadInput: bandwidth is '100': a unit is missing; expected e.g. 100Gbit/s
    """
    return _number(text, name, _RATES, "100Gbit/s or 10GB/s")


def flops(text: str | float, name: str = "flops") -> float:
    """Floating-point operations a second.

    Example:
        >>> flops("312TFLOP/s")
        312000000000000.0
    """
    return _number(text, name, _FLOPS, "312TFLOP/s")


def seconds(text: str | float, name: str = "latency") -> float:
    """Seconds.

    Example:
        >>> seconds("250ms")
        0.25
    """
    return _number(text, name, _SECONDS, "5us", least=0.0)


def _number(
    text: str | float,
    name: str,
    units: Mapping[str, float],
    example: str,
    least: float | None = None,
) -> float:
    if isinstance(text, (int, float)):
        return _checked(float(text), text, name, example, least)
    found = _QUANTITY.fullmatch(text.strip())
    try:
        value = float(found[1]) if found else math.nan
    except ValueError:
        value = math.nan
    if found is None or math.isnan(value):
        raise BadInput(f"{name} is {text!r}; expected a number with a unit, e.g. {example}")
    if found[2] not in units:
        raise BadInput(f"{name} is {text!r}: {_unit_problem(found[2], units, example)}")
    return _checked(value * units[found[2]], text, name, example, least)


def _unit_problem(unit: str, units: Mapping[str, float], example: str) -> str:
    if not unit:
        return f"a unit is missing; expected e.g. {example.split(' or ')[0]}"
    spelled = _BITS.sub("bit/s", unit)
    same = [known for known in units if spelled in (known, known.lower())]
    same += [known for known in units if known.lower() == unit.lower()]
    nearest = f" did you mean {same[0]!r}?" if same else suggestion(unit, units)
    return f"unknown unit {unit!r};{nearest} expected e.g. {example}"


def _checked(
    value: float, text: str | float, name: str, example: str, least: float | None
) -> float:
    fits = value >= least if least is not None else value > 0
    if not fits or not math.isfinite(value):
        raise BadInput(f"{name} is {text!r}; expected a positive number, e.g. {example}")
    return value


def shown_size(value: float) -> str:
    """Bytes for people.

    Example:
        >>> shown_size(3 * 2**30), shown_size(1500), shown_size(12)
        ('3.00 GiB', '1.46 KiB', '12 B')
    """
    for unit, factor in sorted(_BINARY.items(), key=lambda item: -item[1]):
        if value >= factor:
            return f"{value / factor:,.{_digits(value / factor)}f} {unit}B"
    return f"{value:.0f} B"


def shown_seconds(value: float) -> str:
    """Seconds for people.

    Example:
        >>> shown_seconds(12.3), shown_seconds(0.0123), shown_seconds(4e-6), shown_seconds(0)
        ('12.3 s', '12.3 ms', '4.00 us', '0')
    """
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= factor:
            return f"{value / factor:,.{_digits(value / factor)}f} {unit}"
    return "0" if value == 0 else f"{value / 1e-9:.3g} ns"


def shown_count(value: float) -> str:
    """A large number for people.

    Example:
        >>> shown_count(174.6e9), shown_count(101_770), shown_count(12)
        ('174.6e9', '101,770', '12')
    """
    for exponent in (12, 9):
        if value >= 10**exponent:
            return f"{value / 10**exponent:.1f}e{exponent}"
    return f"{value / 1e6:.1f}e6" if value >= 1e7 else f"{value:,.0f}"


def shown_rate(value: float) -> str:
    """A number a second for people, to four digits.

    Example:
        >>> shown_rate(325.21), shown_rate(308), shown_rate(363_712), shown_rate(0.01234)
        ('325.2', '308.0', '363,700', '0.01234')
        >>> shown_rate(0), shown_rate(math.inf)
        ('0', 'inf')
    """
    if value <= 0 or math.isinf(value):
        return f"{value:g}"
    digits = 3 - math.floor(math.log10(value))
    return f"{round(value, digits):,.{max(0, digits)}f}"


def _digits(value: float) -> int:
    return max(0, 2 - math.floor(math.log10(value)))
