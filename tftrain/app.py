"""Run a script's `main`: flags are parsed, and what went wrong is a line, not a traceback.

Example:
    from absl import flags
    import tftrain

    EPOCHS = flags.DEFINE_integer("epochs", 5, "passes over the training data", lower_bound=1)

    def main(argv: list[str]) -> None:
        ...

    if __name__ == "__main__":
        tftrain.app.run(main)
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from absl import app, flags, logging

from tftrain.atomic import replace_file
from tftrain.errors import INTERRUPTED, BadInput, TftrainError
from tftrain.keras_api import require_tensorflow_backend


def run(main: Callable[[list[str]], Any], argv: Sequence[str] | None = None) -> NoReturn:
    """`absl.app.run` for scripts that use tftrain; exits as the `tftrain` command does.

    An error that tftrain did not raise on purpose keeps its traceback: it is a fault to find.

    Args:
        main: Called with the script's name alone: flags are parsed, and nothing else is accepted.
        argv: Name and flags; by default those of this process.

    Raises:
        SystemExit: Always. Its code is 0, or what `main` returned; 2 for bad input, wrong flags
            and another Keras backend; 1 for a failure; 130 if interrupted.
    """
    try:
        app.run(_on_tensorflow(main), argv, flags_parser=_parse)
    except TftrainError as error:
        name = Path((argv or sys.argv)[0]).name
        print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    raise AssertionError("absl.app.run returned")


def output_folder(path: str | os.PathLike[str]) -> Path:
    """The folder at `path`, made if missing: to be called before the work, not after it.

    Raises:
        BadInput: It cannot be made, or not be written to.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder} cannot be made a folder: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise BadInput(f"{folder} cannot be written to: choose another folder")
    return folder


def write_result(folder: str | os.PathLike[str], figures: Mapping[str, Any]) -> Path:
    """Keeps what a script has found in `folder/result.json`, for programs that compare runs.

    Args:
        folder: An existing one.
        figures: Numbers by their names, as the script prints them.

    Returns:
        The file's path.

    Raises:
        TftrainError: A figure is not a finite number.

    Example:
        >>> import tempfile
        >>> write_result(tempfile.mkdtemp(), {"test accuracy": 0.975}).read_text()
        '{"test accuracy": 0.975}\\n'
    """
    numbers = {name: float(figure) for name, figure in figures.items()}
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise TftrainError(f"{name} is {number}; expected a finite number")
    with replace_file(Path(folder) / "result.json") as temporary:
        temporary.write_text(f"{json.dumps(numbers)}\n", encoding="utf-8")
    return Path(folder) / "result.json"


def _on_tensorflow(main: Callable[[list[str]], Any]) -> Callable[[list[str]], Any]:
    def checked(argv: list[str]) -> Any:
        require_tensorflow_backend()
        return main(argv)

    return checked


def _parse(argv: Sequence[str]) -> list[str]:
    try:
        left = flags.FLAGS(list(argv))
    except flags.Error as error:
        raise BadInput(f"{error} (--help lists the flags)") from error
    # absl makes INFO of an unset verbosity, and TensorFlow then reports its every collective.
    if flags.FLAGS["verbosity"].using_default_value:
        flags.FLAGS.verbosity = logging.WARNING
    if left[1:]:
        raise BadInput(f"unexpected argument {left[1]!r}: this script takes flags only")
    return left
