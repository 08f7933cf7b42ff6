"""What a plan needs to know of a model, layer by layer: parameters, work, memory, traffic."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Kept:
    """What one example keeps in memory from the forward pass for the backward pass.

    Attributes:
        floats: Numbers, at the precision of the computation.
        masks: Bytes of what has one precision whatever that of the computation, as dropout's masks.
    """

    floats: float = 0.0
    masks: float = 0.0

    def size(self, bytes_of_float: float) -> float:
        """Bytes."""
        return self.floats * bytes_of_float + self.masks

    def __add__(self, other: Kept) -> Kept:
        return Kept(self.floats + other.floats, self.masks + other.masks)


@dataclasses.dataclass(frozen=True)
class LayerProfile:
    """One layer, or one block that is never cut.

    Attributes:
        name: As in the model.
        shapes: Of trained variables.
        untrained: Numbers in variables that are not trained.
        flops: Operations of the forward pass for one example, a multiplication and an addition
            being two.
        convolution_flops: Those of them in convolutions.
        backward: Operations of the backward pass by those of the forward pass: two, for inputs and
            for weights; one where nothing before the layer is trained.
        touched: Numbers that operations other than these write, for one example.
        kept: What every member of a tensor axis keeps for an example.
        kept_split: What is kept in parts, one a member of the tensor axis.
        kept_cheap: Likewise, and computed again by selective rematerialization.
        output: Numbers that cross a cut behind this layer, for one example.
        split: Parameters that a tensor axis can split.
        divisor: What the length of the tensor axis must divide for that.
        reduced_forward: Numbers an example that are all-reduced over the tensor axis in the
            forward pass, if the layer is split.
        reduced_backward: Likewise in the backward pass.
        reductions: All-reduces of each pass that has any.
    """

    name: str
    shapes: tuple[Shape, ...] = ()
    untrained: int = 0
    flops: float = 0.0
    convolution_flops: float = 0.0
    backward: float = 2.0
    touched: float = 0.0
    kept: Kept = Kept()
    kept_split: Kept = Kept()
    kept_cheap: Kept = Kept()
    output: float = 0.0
    split: int = 0
    divisor: int = 1
    reduced_forward: float = 0.0
    reduced_backward: float = 0.0
    reductions: int = 1

    @functools.cached_property
    def parameters(self) -> int:
        """Trained ones."""
        return sum(math.prod(shape) for shape in self.shapes)

    @functools.cached_property
    def largest(self) -> int:
        """Numbers in its largest trained variable."""
        return max(map(math.prod, self.shapes), default=0)

    def is_split(self, tensor: int) -> bool:
        """Whether a tensor axis of this length splits it."""
        return tensor > 1 and self.split > 0 and self.divisor % tensor == 0

    def parts(self, tensor: int) -> int:
        """Into how many parts a tensor axis of this length splits it: 1 where it does not."""
        return tensor if self.is_split(tensor) else 1

    def held(self, tensor: int) -> float:
        """Trained parameters that one member of a tensor axis holds."""
        return self.parameters - self.split + self.split / self.parts(tensor)


@dataclasses.dataclass(frozen=True)
class ModelProfile:
    """A model as plans see it.

    Attributes:
        name: Of the model.
        layers: In the order of the forward pass.
        slots: Numbers a parameter that its own optimizer keeps; None if it has none.
        optimizer: Name of that optimizer.
        tokens: Of one example, where it is a text.
        inputs: Numbers of one example's inputs.
        precision: In which its own layers compute.
    """

    name: str
    layers: tuple[LayerProfile, ...]
    slots: float | None = None
    optimizer: str | None = None
    tokens: int | None = None
    inputs: float = 0.0
    precision: str = "float32"

    @functools.cached_property
    def parameters(self) -> int:
        """Trained ones."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def untrained(self) -> int:
        """Numbers in variables that are not trained."""
        return sum(layer.untrained for layer in self.layers)

    @property
    def flops(self) -> float:
        """Of the forward pass for one example."""
        return sum(layer.flops for layer in self.layers)

    @property
    def kept(self) -> Kept:
        """All that one example keeps for the backward pass."""
        return sum(
            (layer.kept + layer.kept_split + layer.kept_cheap for layer in self.layers), Kept()
        )

    @property
    def shapes(self) -> Iterator[Shape]:
        """Of all trained variables."""
        return (shape for layer in self.layers for shape in layer.shapes)

    def __str__(self) -> str:
        from tftrain.quantities import shown_count, shown_size

        tokens = f" of {self.tokens:,} tokens" if self.tokens else ""
        return (
            f"{self.name}: {shown_count(self.parameters)} parameters in {len(self.layers)} layers;"
            f" an example{tokens}: {self.flops:.3g} operations forward, "
            f"{shown_size(self.kept.size(4))} kept in float32"
        )
