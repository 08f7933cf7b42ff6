"""The operations of a graph, those in its functions too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PYTHON = frozenset({"EagerPyFunc", "PyFunc", "PyFuncStateless"})  # call back into their process


def all_nodes(definition: Any) -> Iterator[Any]:
    """The nodes of a GraphDef (`NodeDef`), then those of its functions: branches, loops.

    Args:
        definition: The GraphDef.
    """
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def
