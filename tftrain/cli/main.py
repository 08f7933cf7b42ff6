"""The `tftrain` command: a table of commands, and what becomes of their errors.

Nothing here imports TensorFlow, so that help and mistakes are answered at once.
"""

from __future__ import annotations

import importlib
import os
import select
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

from absl import flags

import tftrain
from tftrain.cli import arguments
from tftrain.errors import INTERRUPTED, ConfigError, TftrainError, UnknownName

COMMANDS = {
    "train": "train a model; makes a run folder",
    "finetune": "go on from a run's model, on other data; makes a run folder",
    "sweep": "train with many settings, side by side, and say which did best",
    "evaluate": "judge a run's model on its test set",
    "compare": "judge several runs beside one another",
    "compress": "make a run's model smaller, and say what each step is worth",
    "export": "write a run's model as a numbered SavedModel",
    "serve": "try exports locally, over TF Serving's protocols",
    "report": "write a run's page: curves, mistakes, settings",
    "data": "write, verify and inspect record sets",
    "launch": "run a script as a cluster on this machine",
    "top": "watch a running job's workers",
    "plan": "say how to share a training among devices: what fits, how fast",
    "doctor": "check versions, devices and known conflicts",
}


def run() -> None:
    """Runs the command line of this process and exits."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Runs one command.

    Returns:
        0 for success, 2 for bad input, 1 for a failure, 130 if interrupted.
    """
    try:
        return _answer(argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_left():
            return 0
        return _report_failure(argv, error)


def _reader_left() -> bool:
    """Whether whoever read the output has seen enough: a broken pipe elsewhere is a failure."""
    try:
        output = sys.stdout.fileno()
    except OSError:  # an output that is no file has no reader to lose
        return False
    watched = select.poll()
    watched.register(output, 0)  # an error, as a pipe without a reader has, is told unasked
    if not watched.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True


def _answer(argv: Sequence[str]) -> int:
    if not argv or argv[0] in ("-h", "-help", "--help", "help"):
        print(_overview(), flush=True)
        return 0
    if argv[0] == "--version":
        print(f"tftrain {tftrain.__version__}")
        return 0
    return _run_command(argv)


def find(argv: Sequence[str]) -> tuple[ModuleType, Sequence[str]]:
    """The module of the command that a command line names, and its arguments.

    Raises:
        UnknownName: There is no such command.
    """
    name, rest = argv[0], argv[1:]
    if name not in COMMANDS:
        raise UnknownName("command", name, COMMANDS)
    command = importlib.import_module(f"tftrain.cli.{name}")
    if rest and rest[0] in getattr(command, "COMMANDS", ()):
        return importlib.import_module(f"tftrain.cli.{name}_{rest[0]}"), rest[1:]
    return command, rest


def _run_command(argv: Sequence[str]) -> int:
    command, rest = find(argv)
    values = flags.FlagValues()
    command.define_flags(values)
    _define_common(values)
    remedies = [command.REMEDY] if hasattr(command, "REMEDY") else []
    parsed = arguments.parse(values, rest, *remedies)
    if values["help"].value:
        print(f"{command.__doc__.strip()}\n\nFlags:\n{arguments.describe(values)}")
        return 0
    problems = [*parsed.problems, *command.problems(values, parsed.positional)]
    if problems:
        raise ConfigError(problems)
    if values["verbose"].value:
        os.environ["TFTRAIN_VERBOSE"] = "1"
    status = command.main(values, parsed.positional)
    sys.stdout.flush()
    return status


def _define_common(values: flags.FlagValues) -> None:
    for name, meaning in (
        ("help", "show this"),
        ("debug", "show the traceback of an error"),
        ("verbose", "show TensorFlow's start-up messages"),
    ):
        flags.DEFINE_bool(name, False, meaning, flag_values=values)


def _report_failure(argv: Sequence[str], error: Exception) -> int:
    if "--debug" in argv[: argv.index("--") if "--" in argv else None]:
        traceback.print_exc()
    expected = isinstance(error, TftrainError)
    messages = getattr(error, "problems", None) or [
        str(error) if expected else f"{type(error).__name__}: {error}; --debug shows where"
    ]
    for message in messages:
        print(f"tftrain {_typed(argv)}: {' '.join(message.split())}", file=sys.stderr)
    return error.exit_code if expected else 1


def _typed(argv: Sequence[str]) -> str:
    """The words that name the command: two where the first has commands of its own."""
    try:
        _, rest = find(argv)
    except Exception:  # the failure to be reported may be this one
        return argv[0]
    return " ".join(argv[: len(argv) - len(rest)])


def _overview() -> str:
    rows = "\n".join(f"  {name:10} {meaning}" for name, meaning in COMMANDS.items())
    return (
        "tftrain: train Keras 3 models on TensorFlow, evaluate them, export them.\n\n"
        "usage: tftrain COMMAND [--flag=value ...]\n\n"
        f"commands:\n{rows}\n\n"
        "example: tftrain train --model=cnn --epochs=10\n"
        "`tftrain COMMAND --help` shows a command's flags and an example."
    )
