"""Types in signatures under their public names: `keras.Model`, not where Keras keeps it.

A type of tftrain is a link to where it is described; one that is described nowhere is a warning,
which fails the build. Types of others are no links.
"""

from __future__ import annotations

import importlib
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

SHORT = {"keras": "keras", "numpy": "np"}  # as one imports them


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True}


def _resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Node | None:
    target = node["reftarget"]
    if node.get("refdomain") != "py" or "." not in target:
        return None
    if not target.startswith("tftrain."):
        return nodes.Text(_public_name(target) or target.rpartition(".")[2])
    meant = _look_up(target)
    for name, entry in env.domains["py"].objects.items():
        if meant is not None and name.endswith(meant.__name__) and _look_up(name) is meant:
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content)
    return None


def _public_name(target: str) -> str | None:
    """Keras and TensorFlow note on a class under which names they give it to others."""
    notes = getattr(_look_up(target), "__dict__", {})
    if "_tf_api_names" in notes:
        return f"tf.{notes['_tf_api_names'][0]}"
    names = notes.get("_api_export_path", target)
    name = names if isinstance(names, str) else min(names, key=len)
    package, _, rest = name.partition(".")
    return f"{SHORT[package]}.{rest}" if package in SHORT else None


def _look_up(name: str) -> Any:
    """What a dotted name stands for; None if it is nothing."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return None
