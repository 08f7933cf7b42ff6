"""Which strategies can train a model at all, so that none is chosen that would refuse it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tftrain.distribute import layouts
from tftrain.distribute.tensor_parallel import mesh_shapes
from tftrain.errors import StrategyError


@dataclasses.dataclass(frozen=True)
class Suitability:
    """What is known of a model before it is trained; by itself: nothing is against any strategy.

    Operations that DTensor cannot share out are found when a step is traced, not here.

    Attributes:
        model_parallel: Why a mesh cannot run it, or None.
        pipeline: Why it cannot be trained in stages, or None.
        micro_batches: Why it can only with whole batches, or None.
        parts: Into how many stages it can be cut; None: as many as are asked for.
        variables: Path and shape of each, or None: not known.
    """

    model_parallel: str | None = None
    pipeline: str | None = None
    micro_batches: str | None = None
    parts: int | None = None
    variables: tuple[tuple[str, tuple[int, ...]], ...] | None = None

    def is_cut_over(self, members: int) -> bool:
        """Whether a mesh can run it, and its layout cuts something over so many devices."""
        if self.model_parallel is not None:
            return False
        if self.variables is None:
            return True
        layout, mesh = layouts.auto(), {mesh_shapes.MODEL: members}
        return any(layout.axes_of(path, shape, mesh) for path, shape in self.variables if shape)

    def is_piped(self, stages: int, micro_batches: int) -> bool:
        """Whether it can be trained in so many stages and micro-batches."""
        if self.pipeline is not None or (self.parts is not None and stages > self.parts):
            return False
        return micro_batches == 1 if self.micro_batches else micro_batches > 1

    def against(self, devices: int) -> list[str]:
        """What keeps so many devices from dividing it, a sentence each."""
        found = [self.model_parallel, self.pipeline or self.micro_batches]
        if self.parts is not None and self.parts < devices:
            found.append(f"it has {self.parts} part{'s' * (self.parts != 1)} for stages to have")
        return [each for each in found if each]


def of(model: Any) -> Suitability:
    """Asks the strategies about a model that was made, compiled or not, under none of them."""
    from tftrain.distribute.pipeline import refusals
    from tftrain.distribute.pipeline.layer_graph import LayerGraph
    from tftrain.distribute.tensor_parallel import operations

    mesh = _said(lambda: operations.check(model))
    pipeline = _said(lambda: refusals.model(model)) or _said(lambda: refusals.training(model, 1))
    return Suitability(
        model_parallel=mesh,
        pipeline=pipeline,
        micro_batches=None if pipeline else _said(lambda: refusals.training(model, 2)),
        parts=None if pipeline else len(LayerGraph(model).block_begins()),
        variables=tuple((each.path, tuple(each.shape)) for each in model.variables),
    )


def _said(check: Callable[[], None]) -> str | None:
    try:
        check()
    except StrategyError as error:
        return str(error)
    return None
