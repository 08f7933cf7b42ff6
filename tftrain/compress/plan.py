"""Which steps compress a model, and in which order; no TensorFlow is needed to know."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tftrain.compress.structures import structure_of
from tftrain.errors import CompressionError, UnknownName
from tftrain.litert.modes import MODES
from tftrain.refusals import refusals

DENSE = "dense"
_SPARSITY = 0.8


@dataclasses.dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: Of the variant that it makes.
        source: Of the variant that it starts from.
        act: `prune`, `cluster`, `quantize` or `quantize_aware`.
        how: The same in words.
    """

    name: str
    source: str
    act: str
    how: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done to a model.

    Zeros come first, then values in clusters, then fewer bits: each step keeps what the one before
    it made, and not the other way round.

    Attributes:
        prune: Share of zeros in kernels; None prunes nothing, unless `structure` is given.
        structure: "2:4", or height and width of blocks of zeros.
        cluster: Different values a kernel may have.
        quantize: One of `MODES`: how every variant is quantized after its training.
        quantize_aware: Whether the last one is also trained for int8. None: if it is to be int8
            and has clusters, since converting alone does not keep those.

    Raises:
        CompressionError: Something cannot be done; all that is wrong is told at once.
    """

    prune: float | None = None
    structure: str | tuple[int, int] | None = None
    cluster: int | None = None
    quantize: str | None = None
    quantize_aware: bool | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise CompressionError(problems)

    @property
    def prunes(self) -> bool:
        """Whether anything is pruned."""
        return self.prune is not None or self.structure is not None

    @property
    def trains_quantized(self) -> bool:
        """Whether a variant is trained for int8."""
        if self.quantize_aware is not None:
            return self.quantize_aware
        return self.quantize == "int8" and self.cluster is not None

    def steps(self) -> tuple[Step, ...]:
        """The steps in their order; the first ones start from the variant `dense`.

        Each variant is quantized as soon as it is there: what cannot be quantized shows before
        anything is trained.
        """
        last, how = DENSE, "as trained"
        steps = [*self._quantized(last, how)]
        for step in self._training_steps():
            last, how = step.name, step.how
            steps += [step, *self._quantized(last, how)]
        if self.trains_quantized:
            steps.append(Step(f"{last}_qat", last, "quantize_aware", f"{how}, trained for int8"))
        return tuple(steps)

    def _quantized(self, name: str, how: str) -> Iterator[Step]:
        if self.quantize is not None:
            yield Step(f"{name}_{self.quantize}", name, "quantize", f"{how}, {self.quantize}")

    def _training_steps(self) -> Iterator[Step]:
        source, how = DENSE, ""
        if self.prunes:
            wanted = structure_of(self.structure, self.prune, _SPARSITY)
            pattern = f" in {self.structure}" if self.structure else ""
            how = f"{100 * wanted.sparsity:g}% zeros{pattern}"
            yield Step("pruned", source, "prune", how)
            source = "pruned"
        if self.cluster is not None:
            name = "clustered" if source == DENSE else f"{source}_clustered"
            how = f"{how}, {self.cluster} values" if how else f"{self.cluster} values"
            yield Step(name, source, "cluster", how)

    def _problems(self) -> Iterator[str]:
        if self.prunes:
            yield from refusals(structure_of, self.structure, self.prune, _SPARSITY)
        if self.cluster is not None and not (isinstance(self.cluster, int) and self.cluster >= 2):
            yield f"cluster is {self.cluster!r}; expected how many values to keep, at least 2"
        if self.quantize is not None and self.quantize not in MODES:
            yield str(UnknownName("quantization mode", str(self.quantize), MODES))
        if self.quantize_aware and self.quantize not in (None, "int8"):
            yield (
                f"quantize_aware trains for int8, but quantize is {self.quantize!r}: leave one of "
                "them out"
            )
        asked = self.prunes, self.cluster is not None, self.quantize is not None
        if not any((*asked, self.quantize_aware)):
            yield "nothing to do: give at least one of prune, cluster, quantize, quantize_aware"
