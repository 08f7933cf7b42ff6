"""Models whose variables are cut over a mesh, for a while as ordinary ones."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def whole(model: Any) -> contextlib.AbstractContextManager[None]:
    """Within the block a model is one of whole variables on one device; most are anyway.

    A strategy that cuts variables says how, by a method `whole`.
    """
    gather = getattr(getattr(model, "_distribute_strategy", None), "whole", None)
    return contextlib.nullcontext() if gather is None else gather(model)


def takes_whole_model(function: Function) -> Function:
    """Decorates a function whose first argument is a model: it is given a whole one.

    Example:
        >>> takes_whole_model(lambda model: model)("ordinary")
        'ordinary'
    """

    @functools.wraps(function)
    def replacement(model: Any, *args: Any, **kwargs: Any) -> Any:
        with whole(model):
            return function(model, *args, **kwargs)

    return replacement  # type: ignore[return-value]
