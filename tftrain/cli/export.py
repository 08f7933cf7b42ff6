"""tftrain export RUN --to=DIR: write a run's model as the next numbered SavedModel in DIR.

TF Serving loads the folder as it is; `saved_model_cli show --all --dir DIR/1` shows its
signature.

Example:
  tftrain export runs/digits-mlp-1 --to=exports/digits
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from absl import flags

from tftrain import export, training
from tftrain.cli import trained


def define_flags(values: flags.FlagValues) -> None:
    """Where to write."""
    flags.DEFINE_string("to", None, "folder of the numbered versions", flag_values=values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    yield from trained.one_run(positional)
    if not values["to"].value:
        yield "--to is missing: the folder to write the SavedModel into"


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Exports and prints the path."""
    model = trained.load_model(training.RunFolder.open(positional[0]))
    print(export.saved_model(model, Path(values["to"].value).expanduser()))
    return 0
