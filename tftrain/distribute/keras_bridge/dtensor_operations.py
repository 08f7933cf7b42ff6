"""Convolutions, products, conditions and random numbers of Keras in steps on a mesh.

Symptom: in a step on a mesh a convolution whose kernel or bias is cut fails ("Filter for
convolution must have fully replicated layout", "inconsistent with the provided layout"), max
pooling of channels that are cut too; dropout draws other numbers than on one device; gradient
accumulation fails in its condition; `where` by one truth for all entries crashes the process; a
dense layer that is called twice on sequences fails ("EmitAllScatter was passed a desired_layout ...
which was not more sharded"), with keras 3.12, and a layer's own `tf.matmul` with any; RMSprop,
Adagrad and Adadelta fail on a table whose rows are cut ("slice on input axis 0 which is dynamic").
Cause: DTensor shares out images by rows alone, gives each device its own random seed, has no
conditions that assign variables, cannot cut a sum along another dimension than its terms, nor rows
whose number is known only when the step runs.
Upstream: none filed under this name
Versions: tensorflow 2.21

Active in the steps of the strategy 'model_parallel' alone.
"""

from __future__ import annotations

from tftrain.distribute.keras_bridge.wrapping import wrap

_WITH_KERNEL = ("conv", "conv_transpose")
_RANDOM = (
    "stateless_random_uniform_v2",
    "stateless_random_normal_v2",
    "stateless_truncated_normal_v2",
    "stateless_random_uniform_int_v2",
    "stateless_random_uniform_full_int_v2",
)


def install() -> None:
    """Gives such operations, in such steps, values that they can share out."""
    from keras.src.backend.tensorflow import core, nn, numpy
    from tensorflow.python.ops import gen_math_ops
    from tensorflow.python.ops import gen_stateless_random_ops_v2 as random

    from tftrain.distribute.tensor_parallel import operations

    for name in _WITH_KERNEL:
        wrap(nn, name, operations.by_rows_with_kernel)
    wrap(nn, "max_pool", operations.by_rows)
    wrap(core, "cond", operations.chosen)
    wrap(numpy, "divide", operations.over_rows)
    wrap(gen_math_ops, "select_v2", operations.aligned)
    wrap(gen_math_ops, "batch_mat_mul_v2", operations.as_one_product)
    for name in _RANDOM:
        wrap(random, name, operations.whole)
