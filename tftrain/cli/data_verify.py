"""tftrain data verify DIR: read every byte of a record set and compare it with its manifest.

Finds flipped bits, truncated, missing, extra and swapped files, wrong counts and an edited
manifest, and names each; the exit code is then 1. With --key it also checks who wrote the set.

Examples:
  tftrain data verify records/digits
  tftrain data verify records/digits --key=my.key
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from absl import flags

from tftrain.data.records.verification import Verified
from tftrain.refusals import refusals

_TELLING_BYTES = 1_000_000  # of fewer, opening the files takes longer than reading them
_SIGNATURE = {
    "checked": "signature is right",
    "not checked": "signed, but not checked: --key=KEYFILE does",
    "none": "not signed",
}


def define_flags(values: flags.FlagValues) -> None:
    """The key."""
    flags.DEFINE_string("key", None, "key file the set was signed with", flag_values=values)


def problems(values: flags.FlagValues, positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the command line."""
    yield from one_set(positional)
    yield from usable_key(values)


def one_set(positional: Sequence[str]) -> Iterator[str]:
    """What is wrong with the arguments of a command that takes one record set."""
    if len(positional) != 1:
        yield f"expected one record set, received {len(positional)}: {' '.join(positional)}"


def usable_key(values: flags.FlagValues) -> Iterator[str]:
    """What is wrong with --key."""
    from tftrain.data.records import signature

    if values["key"].present:
        yield from refusals(signature.read_key, values["key"].value)


def main(values: flags.FlagValues, positional: Sequence[str]) -> int:
    """Verifies and says what was checked."""
    from tftrain.data import records

    print(_summary(records.verify(positional[0], key=values["key"].value), positional[0]))
    return 0


def _summary(found: Verified, directory: str) -> str:
    speed = found.bytes / found.seconds / 1e6
    rate = f" ({speed:,.0f} MB/s)" if found.bytes >= _TELLING_BYTES else ""
    return (
        f"{Path(directory)} is sound: {found.records:,} records in {found.shards} files, "
        f"{found.bytes:,} bytes, in {found.seconds:.1f} s{rate}\n"
        f"signature: {_SIGNATURE[found.signature]}"
    )
