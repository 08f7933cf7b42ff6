"""Command-line arguments as absl flags, every mistake reported at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from absl import flags

from tftrain.errors import suggestion


@dataclasses.dataclass(frozen=True)
class Parsed:
    """What a command line held.

    Attributes:
        positional: Arguments that are no flags; all of those after `--` among them.
        problems: One sentence a mistake; empty if there is none.
    """

    positional: tuple[str, ...]
    problems: tuple[str, ...]


def parse(
    values: flags.FlagValues, arguments: Sequence[str], remedy: str = "--help lists all"
) -> Parsed:
    """Sets the flags named in the arguments.

    absl's own parser stops at the first mistake, so each flag is parsed by itself here.

    Args:
        values: The command's flags; changed.
        arguments: Tokens: `--name=value`, `--name value`, `--switch`, `--noswitch`, others.
        remedy: What is said of flags that are not known.
    """
    positional: list[str] = []
    problems: list[str] = []
    tokens = iter(arguments)
    for token in tokens:
        if token == "--":
            positional += tokens
        elif token.startswith("-") and token != "-":
            problems += _set_flag(values, token.lstrip("-"), tokens, remedy)
        else:
            positional.append(token)
    values.mark_as_parsed()
    return Parsed(tuple(positional), tuple(problems))


def given(values: flags.FlagValues) -> list[str]:
    """Names of the flags that the command line set."""
    return [name for name in values if values[name].present]


def describe(values: flags.FlagValues) -> str:
    """A line a flag: its name, meaning and default."""
    lines = []
    for name in sorted(values):
        flag = values[name]
        shown = f"--{name}" if flag.boolean else f"--{name}=..."
        default = "" if flag.default in (None, False) else f" (default: {flag.default})"
        lines.append(f"  {shown:22} {flag.help}{default}")
    return "\n".join(lines)


def _set_flag(
    values: flags.FlagValues, token: str, rest: Iterator[str], remedy: str
) -> Iterator[str]:
    name, equals, value = token.partition("=")
    if name not in values and name.startswith("no") and name[2:] in values and not equals:
        name, equals, value = name[2:], "=", "false"
    if name not in values:
        yield f"unknown flag --{name};{suggestion(name, values)} {remedy}"
        return
    flag = values[name]
    if not equals:
        value = "true" if flag.boolean else next(rest, None)
    if value is None:
        yield f"--{name} needs a value: --{name}=..."
        return
    if flag.present and not isinstance(flag, flags.MultiFlag):
        yield f"--{name} is given twice"
        return
    try:
        flag.parse(value)
    except flags.IllegalFlagValueError:
        yield f"--{name}={value}: expected {_expected(flag)}"


def _expected(flag: flags.Flag) -> str:
    if isinstance(flag, flags.EnumFlag):
        return " or ".join(flag.parser.enum_values)
    return flag.parser.syntactic_help or "true or false"
