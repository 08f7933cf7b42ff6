"""tftrain data COMMAND: keep training data as sharded, compressed, checked record sets.

  tftrain data write     make a set from a dataset, an .npz, a CSV file or a folder of images
  tftrain data verify    read every byte and compare it with the set's manifest
  tftrain data inspect   show what a set holds: schema, counts, classes, pictures

Examples:
  tftrain data write --from=digits --to=records/digits
  tftrain data verify records/digits
  tftrain data inspect records/digits

`tftrain data COMMAND --help` shows a command's flags and examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from absl import flags

from tftrain.errors import suggestion

COMMANDS = ("write", "verify", "inspect")


def define_flags(values: flags.FlagValues) -> None:
    """No flags of its own."""


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line: it comes here only where no command was named."""
    received = repr(positional[0]) if positional else "nothing"
    hint = suggestion(received, COMMANDS)
    yield (
        f"expected one of {', '.join(COMMANDS)} right after `data`, received {received};{hint} "
        "for example: tftrain data verify DIR"
    )


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Never reached: the commands have modules of their own."""
    raise AssertionError("problems() always finds one")
