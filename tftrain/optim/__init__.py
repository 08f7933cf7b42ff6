"""What moves the weights: optimizers, learning rates, clipping, penalties, averages, codecs.

Example:
    >>> from tftrain import optim
    >>> rate = optim.schedule("cosine", 0.1, total_steps=1000, warmup="5%")
    >>> optim.optimizer("sgd", rate, momentum=0.9, weight_decay=1e-4).name
    'selective_sgd...'
"""

from tftrain.optim import averaging, codecs, regularization, schedules
from tftrain.optim.clipping import Clipping
from tftrain.optim.decayed_variables import takes_decay
from tftrain.optim.gradient_codecs import check_codec, compress_gradients, gradient_bytes
from tftrain.optim.layer_rates import one_rate, scale_rates
from tftrain.optim.lengths import Length
from tftrain.optim.optimizers import check_name, default_rate, names, optimizer, problems
from tftrain.optim.rates import check_rate, scaled_rate
from tftrain.optim.regularization import regularize
from tftrain.optim.schedules import schedule

__all__ = [
    "Clipping",
    "Length",
    "averaging",
    "check_codec",
    "check_name",
    "check_rate",
    "codecs",
    "compress_gradients",
    "default_rate",
    "gradient_bytes",
    "names",
    "one_rate",
    "optimizer",
    "problems",
    "register",
    "regularization",
    "regularize",
    "scale_rates",
    "scaled_rate",
    "schedule",
    "schedules",
    "takes_decay",
]


def register() -> None:
    """Makes Keras know tftrain's optimizers and schedules, so that it can load them.

    To be called before `keras.saving.load_model` of a model that was compiled with one of them;
    the `tftrain` command does. With `compile=False` it is not needed.
    """
    from tftrain.optim import lars, layer_rates, selective_decay, warmup  # noqa: F401 - registers

    originals = [lars.Lars, *selective_decay.originals()]
    for original in (*originals, *selective_decay.register()):
        layer_rates.scaled(original)
