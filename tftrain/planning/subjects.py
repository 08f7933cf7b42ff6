"""The profile of whatever is to be trained: a model, what makes one, or a description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tftrain.errors import BadInput
from tftrain.planning import transformers
from tftrain.planning.profiles import ModelProfile


def profile(subject: str | ModelProfile | Callable[[], Any] | Any) -> ModelProfile:
    """What plans need to know of a model.

    Args:
        subject: A transformer by its sizes (`transformer:layers=96,width=12288,heads=96`) or by
            its number of parameters (`1.75e11`), for which no TensorFlow is needed; a Keras model,
            built; or a function that makes one, compiled or not, which is called where variables
            take no memory. A profile is given back as it is.

    Raises:
        BadInput: It is none of these, or the model cannot be traced.
        ConfigError: The sizes are wrong.

    Example:
        >>> profile("transformer:layers=12,width=768,heads=12").parameters
        125226240
    """
    if isinstance(subject, ModelProfile):
        return subject
    if isinstance(subject, str):
        if transformers.is_preset(subject):
            return transformers.preset(subject)
        raise BadInput(
            f"model {subject!r} describes no transformer; expected "
            f"transformer:layers=...,width=...,heads=..., or a size such as 1e10"
        )
    from tftrain.planning import keras_profiles

    return keras_profiles.profile(subject)
