"""Where a model is cut into stages: contiguous parts of its layers in the order of computation.

What cannot be cut apart is one block: a layer with weights together with the weightless ones that
follow it, or all between the first and the last use of a layer that is used several times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tftrain.distribute.pipeline.layer_graph import LayerGraph
from tftrain.errors import StrategyError
from tftrain.planning.stages import even_cuts


def balanced(graph: LayerGraph, stages: int) -> list[int]:
    """The first node of each stage, so that the largest stage is as small as it can be.

    Raises:
        StrategyError: There are fewer blocks than stages.
    """
    begins = graph.block_begins()
    if len(begins) < stages:
        raise StrategyError(
            f"stages={stages}, but model {graph.name!r} has {len(begins)} part"
            f"{'s' * (len(begins) != 1)} with weights that can be cut apart "
            f"({', '.join(graph.block_names()) or 'none'}): ask for fewer stages; a layer that "
            "is used several times, or a model that is used as a layer, is not cut"
        )
    ends = [*begins[1:], len(graph.nodes)]
    sizes = [graph.bytes_of(begin, end) for begin, end in zip(begins, ends, strict=True)]
    return [0, *(begins[cut] for cut in even_cuts(sizes, stages))]


def at_layers(graph: LayerGraph, cut: Sequence[str]) -> list[int]:
    """The first node of each stage, where each named layer begins a stage.

    Raises:
        StrategyError: There is no such layer, nothing before it, or a layer is torn apart.
    """
    places = [graph.first_use(name) for name in cut]
    if sorted(set(places)) != places or 0 in places:
        order = ", ".join(graph.layer_names())
        raise StrategyError(
            f"cut={list(cut)}: expected layers in the order of computation, none of them the "
            f"first, since each begins a stage of its own; the order is {order}"
        )
    begins = [0, *places]
    graph.require_whole(begins)
    return begins


def of(graph: LayerGraph, stages: int, cut: Sequence[str] | None) -> list[list[Any]]:
    """The nodes of each stage."""
    begins = balanced(graph, stages) if cut is None else at_layers(graph, cut)
    ends = [*begins[1:], len(graph.nodes)]
    return [graph.nodes[begin:end] for begin, end in zip(begins, ends, strict=True)]
