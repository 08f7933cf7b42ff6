"""What a command that trains says of its run in the end, or when it is interrupted."""

from __future__ import annotations

import sys
from pathlib import Path

from tftrain import training


def of(folder: training.RunFolder, exported: Path) -> str:
    """What a finished run came to, and where its artefacts are."""
    result = folder.read_result()
    rows = {
        "test accuracy": f"{result['test_accuracy']:.4f}",
        "training": f"{result['train_seconds']:.1f} s",
        "speed": f"{result['examples_per_second']:,.0f} examples/s",
        "model": folder.model,
        **({"report": folder.report} if folder.report.exists() else {}),
        "SavedModel": exported,
    }
    if result["test_loss"] is None:
        rows["warning"] = "the loss is not a number: training diverged; lower --learning_rate"
    return "\n".join(f"{name:14} {value}" for name, value in rows.items())


def print_interrupted(folder: training.RunFolder, remedy: str) -> None:
    """Says how far a run came, where the one before it is, and what to do."""
    kept = f"; the run before is kept in {folder.previous}" if folder.previous else ""
    print(
        f"\ninterrupted after {len(folder.read_metrics())} epochs{kept}; {remedy}",
        file=sys.stderr,
    )
