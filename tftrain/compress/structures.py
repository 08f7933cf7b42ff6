"""Where zeros are allowed to lie: anywhere, in blocks, or two in four."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tftrain.errors import CompressionError

_TWO_OF_FOUR = "2:4"


@dataclasses.dataclass(frozen=True)
class Structure:
    """A pattern of zeros and how many of them.

    Attributes:
        sparsity: Share of zeros.
        block: Height and width of the blocks that become zero as a whole.
        two_of_four: Two zeros in every four neighbours along the input axis.
    """

    sparsity: float
    block: tuple[int, int] = (1, 1)
    two_of_four: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """What tfmot is told."""
        if self.two_of_four:
            return {"sparsity_m_by_n": (2, 4)}
        return {"block_size": self.block}

    def check(self, kernels: dict[str, list[np.ndarray]]) -> None:
        """Checks that the pattern can be laid on kernels.

        Args:
            kernels: By the layer's name.

        Raises:
            CompressionError: On some it cannot.
        """
        problems = [
            f"layer {name!r} has a kernel of shape {kernel.shape}; structure {self} needs "
            f"{self._need}: leave the layer out by skip="
            for name, of_layer in kernels.items()
            for kernel in of_layer
            if not self._fits(kernel)
        ]
        if problems:
            raise CompressionError(problems)

    @property
    def _need(self) -> str:
        if self.two_of_four:
            return "a kernel of a dense layer or of a 2D convolution, with a multiple of 4 inputs"
        return "kernels of two axes"

    def _fits(self, kernel: np.ndarray) -> bool:
        if self.two_of_four:
            return kernel.ndim in (2, 4) and kernel.shape[-2] % 4 == 0
        return self.block == (1, 1) or kernel.ndim == 2

    def holds(self, kernel: np.ndarray) -> bool:
        """Whether a kernel has the pattern and the share of zeros."""
        if self.two_of_four:
            fours = np.moveaxis(kernel, -2, -1).reshape(-1, 4)
            return bool(((fours == 0).sum(axis=1) >= 2).all())
        height, width = self.block
        if self.block != (1, 1):
            rows, columns = -(-kernel.shape[0] // height), -(-kernel.shape[1] // width)
            padded = np.zeros((rows * height, columns * width))
            padded[: kernel.shape[0], : kernel.shape[1]] = kernel
            kernel = np.abs(padded.reshape(rows, height, columns, width)).sum(axis=(1, 3))
        kept = max(1, round(kernel.size * (1 - self.sparsity)))
        left = np.abs(kernel[kernel != 0])
        # tfmot keeps all that equal the smallest it keeps, and rounds in single precision.
        return left.size <= kept + 1 or int((left > left.min()).sum()) <= kept

    def __str__(self) -> str:
        return repr(_TWO_OF_FOUR if self.two_of_four else self.block)


def structure_of(given: Any, sparsity: float | None, default: float) -> Structure:
    """The structure that is meant.

    Args:
        given: "2:4", height and width of blocks, or None.
        sparsity: Share of zeros; None for the default.
        default: What that is where the structure does not say.

    Raises:
        CompressionError: It is something else, or the sparsity is out of range.

    Example:
        >>> structure_of("2:4", None, 0.8).sparsity
        0.5
    """
    if sparsity is not None and not 0 <= sparsity < 1:
        raise CompressionError(
            [f"sparsity is {sparsity!r}; expected the share of zeros, at least 0 and below 1"]
        )
    if given == _TWO_OF_FOUR:
        if sparsity not in (None, 0.5):
            raise CompressionError(
                [f"sparsity is {sparsity}, but two zeros in four are 0.5: leave sparsity out"]
            )
        return Structure(0.5, two_of_four=True)
    share = default if sparsity is None else float(sparsity)
    if given is None:
        return Structure(share)
    if (
        isinstance(given, (tuple, list))
        and len(given) == 2
        and all(isinstance(size, int) and size >= 1 for size in given)
    ):
        return Structure(share, block=tuple(given))
    raise CompressionError(
        [f"structure is {given!r}; expected '2:4', (height, width) of blocks, or None"]
    )
