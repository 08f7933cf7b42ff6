"""How a model is called, as far as LiteRT can call it so."""

from __future__ import annotations

from typing import Any

from tftrain import model_signature
from tftrain.errors import BadInput, CompressionError
from tftrain.model_signature import Signature


def read(model: Any) -> Signature:
    """The signature of a built model.

    Raises:
        CompressionError: It is none, is not built, does not tell its inputs, or takes texts.
    """
    try:
        signature = model_signature.read(model)
    except BadInput as error:
        raise CompressionError([str(error)]) from error
    if any(tensor.dtype == "string" for tensor in signature.tensors.values()):
        raise CompressionError(
            [f"model {model.name!r} takes texts, LiteRT numbers: look them up outside of the model"]
        )
    return signature
