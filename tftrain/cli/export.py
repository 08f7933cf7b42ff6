"""tftrain export RUN --to=BASE: publish a run's model as the next numbered SavedModel in BASE.

It takes pictures of 8 bits, as numbers or as PNG and JPEG files, and answers with the names of
classes. Before it is published, every signature is called where there is no Keras, and compared
with the model. Beside the versions lie the files that TensorFlow Serving is started with.

Examples:
  tftrain export runs/digits-mlp-1 --to=exports/digits
  tftrain export runs/digits-mlp-1 --to=exports/digits --keep=3
  tftrain export runs/digits-mlp-1 --to=exports/digits --input=scaled --signatures=classify
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tftrain import export, training
from tftrain.cli import served_inputs, trained
from tftrain.errors import DataError


def define_flags(values: flags.FlagValues) -> None:
    """Where to write, and what."""
    flags.DEFINE_string("to", None, "folder of the numbered versions", flag_values=values)
    flags.DEFINE_integer(
        "version", None, "its number (default: one more than the largest)", flag_values=values
    )
    flags.DEFINE_integer(
        "keep", None, "remove all but so many of the newest versions", flag_values=values
    )
    flags.DEFINE_bool("verify", True, "compare with the model before publishing", values)
    flags.DEFINE_list(
        "signatures", None, "of bytes,classify,regress (default: those that suit)", values
    )
    flags.DEFINE_string("name", None, "of the model as it is served (default: BASE's)", values)
    flags.DEFINE_enum(
        "input",
        None,
        [served_inputs.PIXELS, served_inputs.SCALED],
        "uint8 from 0 to 255, scaled in the graph, or floats as in training (default: pixels, "
        "unless the dataset is of floats)",
        flag_values=values,
    )
    flags.DEFINE_bool("labels", True, "answer with the dataset's class names too", values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    yield from trained.one_run(positional)
    if not values["to"].value:
        yield "--to is missing: the folder to write the SavedModel into"
    for name in ("version", "keep"):
        if values[name].value is not None and values[name].value < 1:
            yield f"--{name}={values[name].value}: expected a positive integer"


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Exports; prints the path, and how it is called on stderr."""
    folder = training.RunFolder.open(positional[0])
    model = trained.load_model(folder)
    base = Path(values["to"].value).expanduser()
    path = export.saved_model(
        model,
        base,
        values.version,
        signatures=values.signatures,
        name=values.name,
        keep=values.keep,
        verify=values.verify,
        **_of_dataset(folder, values),
    )
    print(path, flush=True)
    print(_next_steps(path), file=sys.stderr)
    return 0


def _of_dataset(folder: training.RunFolder, values: flags.FlagValues) -> dict[str, Any]:
    if not values.labels and values.input == served_inputs.SCALED:
        return {}
    try:
        splits = trained.load_splits(folder)
    except DataError as error:
        raise DataError(
            f"{error}; --nolabels --input={served_inputs.SCALED} exports without the dataset"
        ) from error
    return served_inputs.of(splits, values.input, labels=values.labels)


def _next_steps(path: Path) -> str:
    here, base = shlex.quote(str(path)), shlex.quote(str(path.parent))
    return "\n".join(
        [
            *(f"  {line}" for line in export.described(path)),
            f"look at it:   saved_model_cli show --all --dir {here}",
            f"try it:       tftrain serve {base}",
            f"run it:       docker compose --project-directory {base} up",
        ]
    )
