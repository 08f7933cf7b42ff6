"""Wrappers around layers, of tfmot, as far as they should be like the layers they wrap."""

from __future__ import annotations

from typing import Any


def pass_masks(wrapper: Any) -> Any:
    """Lets a wrapper take and give masks as its layer does; returns it.

    tfmot's wrappers inherit what a layer does that knows of no masks: behind a wrapped Embedding
    with `mask_zero` nothing is masked, and a wrapped Dense behind a mask fails.
    """
    layer = wrapper.layer
    wrapper.supports_masking = layer.supports_masking
    wrapper.compute_mask = layer.compute_mask
    wrapper._call_spec.expects_mask_arg = layer._call_spec.expects_mask_arg
    return wrapper
