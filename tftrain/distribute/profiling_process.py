"""A model's profile, taken in a forked process, so that nothing of TensorFlow starts in this one.

Tracing a model makes TensorFlow run, which fixes its devices, and the strategy still has to choose
them. A fork knows the function that makes the model as it is, whatever it closes over.
"""

from __future__ import annotations

import multiprocessing
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from tftrain import planning
from tftrain.distribute import runtime, suitability
from tftrain.distribute.suitability import Suitability
from tftrain.errors import BadInput, TftrainError
from tftrain.keras_api import keras, tf


def profile(build: Callable[[], Any]) -> tuple[planning.ModelProfile, Suitability]:
    """The profile of what a function makes, and which strategies can train it.

    Where TensorFlow already runs its devices are fixed, and the function is called in this process.

    Raises:
        BadInput: The function raised an error, gives no model, or the model cannot be traced.
    """
    if runtime.is_running():
        return _look(build)
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_answer, args=(build, sender), daemon=True)
    with warnings.catch_warnings():
        # Python warns of locks that other threads may hold. TensorFlow, whose threads they would
        # be, has not begun to run.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    sender.close()
    try:
        answer = pickle.loads(receiver.recv_bytes())
    except EOFError:
        process.join()
        raise BadInput(
            f"the process that traces the model ended with {process.exitcode}: give a "
            "tftrain.planning.ModelProfile instead of a function"
        ) from None
    finally:
        receiver.close()
    process.join()
    if isinstance(answer, str):
        raise BadInput(answer)
    return answer


def _look(build: Callable[[], Any]) -> tuple[planning.ModelProfile, Suitability]:
    found = Suitability()

    def built() -> Any:
        nonlocal found
        model = build()
        if isinstance(model, keras.Model):
            found = suitability.of(model)
        return model

    return planning.profile(built), found


def _answer(build: Callable[[], Any], sender: Any) -> None:
    try:
        tf.config.set_visible_devices([], "GPU")  # they are the parent's
        answer: Any = _look(build)
    except TftrainError as error:
        answer = str(error)
    except Exception as error:  # the user's own code
        place = traceback.extract_tb(error.__traceback__)[-1]
        answer = (
            f"the function that makes the model raised {type(error).__name__}: {error} "
            f"({place.filename}, line {place.lineno})"
        )
    sender.send_bytes(pickle.dumps(answer))
    sender.close()
