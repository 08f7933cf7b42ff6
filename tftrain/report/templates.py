"""The pages' templates."""

from __future__ import annotations

from typing import Any

import jinja2


def render(name: str, **values: Any) -> str:
    """The page of a template, all that is inserted escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tftrain.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name).render(**values)
