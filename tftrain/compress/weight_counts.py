"""How many weights a model has, how many are not zero, and how many values they take."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from tftrain.compress.variants import Variant
from tftrain.keras_api import keras
from tftrain.litert.weights import weights_of


@dataclasses.dataclass(frozen=True)
class WeightCounts:
    """Counts over the weights of a model. Kernels are its weights of two or more axes.

    Attributes:
        parameters: Numbers in all weights.
        nonzero: Those that are not zero.
        distinct: Different values of a kernel, summed over kernels.
        distinct_largest: Different values of the kernel that has most of them.
        sparsity: Share of zeros in kernels.
    """

    parameters: int
    nonzero: int
    distinct: int
    distinct_largest: int
    sparsity: float

    @classmethod
    def of(cls, weights: Iterable[np.ndarray]) -> WeightCounts:
        """Of arrays.

        Example:
            >>> WeightCounts.of([np.array([[0.0, 2.0], [2.0, 1.0]]), np.array([0.0])])
            WeightCounts(parameters=5, nonzero=3, distinct=3, distinct_largest=3, sparsity=0.25)
        """
        weights = list(weights)
        kernels = [weight for weight in weights if weight.ndim > 1 and weight.size]
        distinct = [len(np.unique(kernel)) for kernel in kernels]
        size = sum(kernel.size for kernel in kernels)
        nonzero = sum(np.count_nonzero(kernel) for kernel in kernels)
        return cls(
            parameters=sum(weight.size for weight in weights),
            nonzero=int(sum(np.count_nonzero(weight) for weight in weights)),
            distinct=sum(distinct),
            distinct_largest=max(distinct, default=0),
            sparsity=float(1 - nonzero / size) if size else 0.0,
        )


def count(variant: Variant) -> WeightCounts:
    """Of the Keras model if there is one, else of what the LiteRT file holds.

    The file of a converted model holds normalization folded into kernels, so that it may have
    fewer weights than the model it was made of.
    """
    if variant.model is not None:
        return WeightCounts.of(map(keras.ops.convert_to_numpy, variant.model.weights))
    return WeightCounts.of(weights_of(variant.lite.content).values())
