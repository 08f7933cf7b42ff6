"""The pages' templates."""

from __future__ import annotations

from typing import Any

import jinja2


def render(name: str, **values: Any) -> str:
    """The page of a template, all that is inserted escaped."""
    loader = jinja2.PackageLoader("tftrain.report", ".")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    return environment.get_template(name).render(**values)
