"""What several checks find wrong, put together before anything is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tftrain.errors import BadInput


def refusals(check: Callable[..., Any], *arguments: Any, **settings: Any) -> Iterator[str]:
    """What a check finds wrong, in full sentences, where others are to be told at the same time.

    Args:
        check: Raises BadInput, or returns whatever it likes.
        *arguments: Its arguments.
        **settings: Its keyword arguments.

    Example:
        >>> from tftrain.errors import ConfigError
        >>> def check(name):
        ...     raise ConfigError([f"{name} is too short", f"{name} is taken"])
        >>> list(refusals(check, "x"))
        ['x is too short', 'x is taken']
    """
    try:
        check(*arguments, **settings)
    except BadInput as error:
        yield from getattr(error, "problems", [str(error)])
