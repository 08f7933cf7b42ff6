"""`tftrain.fit`: `model.fit`, run by the fastest engine that gives the same results."""

from __future__ import annotations

from typing import Any

from tftrain.distribute import keras_bridge
from tftrain.errors import BadInput
from tftrain.keras_api import keras
from tftrain.training import engines, fit_arguments
from tftrain.training.batch_callbacks import listed
from tftrain.training.fit_call import FitCall


def fit(
    model: keras.Model,
    *args: Any,
    engine: str = engines.AUTO,
    seed: int | None = None,
    validation: Any = None,
    resume: bool | str | None = None,
    **options: Any,
) -> keras.callbacks.History:
    """Trains a model as `model.fit` does: same arguments, callbacks, History and results.

    Every engine takes the model's own steps on the same batches in the same order. Per-epoch
    losses, metrics and final weights agree to rounding; with XLA dropout and other random layers
    draw other numbers, as valid and as reproducible. Arrays are shuffled by a permutation of
    their own in every epoch, which follows from the seed and the epoch. See docs/speed.md.

    Args:
        model: A compiled Keras model.
        *args: x, y and what follows, as `model.fit` takes them; x may also be `data.Examples`.
        engine: `keras`: Keras's own loop. `multi_step`: several steps an execution, under any
            strategy with replicas too. `fused_epoch`: data on the device and many steps in one
            compiled loop; as many between two calls of callbacks as memory is good for, or, if a
            callback acts on batches, as many as the model was compiled for. `fused_epoch_xla`:
            that loop compiled by XLA. `auto`: measures, on a copy of the state, and remembers.
        seed: Of the order of arrays; None draws one from NumPy's global generator, which
            `keras.utils.set_random_seed` seeds.
        validation: `data.Examples` or what `validation_data` takes; another name for it.
        resume: Whether the `callbacks.Checkpoint` among the callbacks goes on from what its
            folder holds, as if the training had never stopped: True, False, or "force", see there.
            None leaves that to the callback.
        **options: The other arguments of `model.fit`.

    Returns:
        The History; its attribute `engine` is the name of the engine that ran.

    Raises:
        UnknownName: There is no such engine.
        EngineError: An engine was asked for that cannot run this.
        BadInput: `resume` was given, but no callback keeps checkpoints.

    Example:
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((8, 2), "float32")
        >>> fit(model, x, x[:, :1], epochs=2, verbose=0, engine="fused_epoch").engine
        'fused_epoch'
    """
    engines.check_name(engine)
    if resume is not None:
        _set_resume(options.get("callbacks"), resume)
    return _fit_of(model, args, options, seed, validation).run(engine)


def choose(
    model: keras.Model,
    *args: Any,
    seed: int | None = None,
    validation: Any = None,
    **options: Any,
) -> str:
    """The engine that `fit` with the same arguments and `engine="auto"` would run.

    What was compiled to find out stays with the model, for a `fit` with that engine.

    Args:
        model: See `fit`; likewise the others.
        *args: x, y and what follows.
        seed: Of the order of arrays.
        validation: Validation data.
        **options: The other arguments of `model.fit`.
    """
    return _fit_of(model, args, options, seed, validation).choose()


def _fit_of(
    model: Any, args: tuple[Any, ...], options: dict[str, Any], seed: int | None, validation: Any
) -> FitCall:
    keras_bridge.install()
    if validation is not None:
        options = {**options, "validation_data": validation}
    return FitCall(model, fit_arguments.by_name(args, options), seed)


def _set_resume(callbacks: Any, resume: bool | str) -> None:
    keeping = [each for each in listed(callbacks) if hasattr(each, "resume")]
    if not keeping:
        raise BadInput(
            f"resume={resume!r}, but no callback keeps checkpoints: give "
            "callbacks=[..., tftrain.callbacks.Checkpoint(FOLDER)]"
        )
    for callback in keeping:
        callback.resume = resume
