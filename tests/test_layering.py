"""Imports go down only: the house of docs/architecture.md, held by a test."""

import ast
from pathlib import Path

import pytest

import tftrain

ROOT = Path(tftrain.__file__).parent
LEVELS = {
    "errors": 0, "refusals": 0, "notices": 0, "keras_api": 0, "atomic": 0, "latency": 0,
    "companion_process": 0, "without_keras": 0, "litert": 0, "structures": 0,
    "model_signature": 0, "portable_layers": 0, "given_examples": 0, "roles": 0,
    "graph_nodes": 0, "text_tables": 0, "planning": 0, "control_groups": 0, "live": 0,
    "whole_models": 0, "quantities": 0,
    "app": 1, "data": 1, "augment": 1, "models": 1, "optim": 1, "distribute": 1, "compress": 1,
    "export": 1, "checkpoints": 1, "resources": 1,
    "callbacks": 2, "training": 2, "evaluate": 2, "sweeps": 2, "serve": 2, "report": 2,
    "cli": 3, "__main__": 4,
}  # fmt: skip
ALLOWED = {
    "keras_api": {"errors"},
    "latency": {"errors"},
    "refusals": {"errors"},
    "quantities": {"errors"},
    "structures": {"errors"},
    "roles": {"keras_api"},
    "model_signature": {"errors", "keras_api", "structures"},
    "given_examples": {"keras_api", "structures"},
    "litert": {
        "errors", "keras_api", "atomic", "companion_process", "structures", "model_signature",
        "portable_layers", "given_examples", "graph_nodes",
    },
    "without_keras": {"graph_nodes"},
    "live": {"notices"},
    "planning": {
        "errors", "quantities", "keras_api", "structures", "graph_nodes", "text_tables", "latency",
    },
}  # fmt: skip
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tftrain":
            parts = node.module.split(".")[1:]
            rooms |= {parts[0]} if parts else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            rooms |= {name[1] for name in names if name[0] == "tftrain" and len(name) > 1}
    return rooms


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path):
    own = room(path)
    for other in imported_rooms(path) - {own} - ALLOWED.get(own, set()):
        assert LEVELS[other] < LEVELS[own], f"{own} may not import {other}"


def test_every_room_has_a_level():
    assert {room(path) for path in FILES} <= set(LEVELS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_names_one_thing(path):
    assert len(path.read_text().splitlines()) <= 300
    assert path.stem not in ("utils", "helpers", "common")
