"""What all errors are made of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

INTERRUPTED = 130  # what commands and scripts exit with after Ctrl-C


class TftrainError(Exception):
    """The work failed: the base of every error raised on purpose."""

    exit_code = 1


class BadInput(TftrainError, ValueError):
    """What the caller gave cannot be used; nothing was written."""

    exit_code = 2


class UnknownName(BadInput):
    """A name that is not in a registry; lists the known ones and suggests the nearest."""

    def __init__(self, kind: str, received: str, known: Iterable[str], also: str = "") -> None:
        known = sorted(known)
        listed = ", ".join(known) + (f", and {also}" if also else "")
        nearest = suggestion(received, known)
        offered = f";{nearest}" if nearest else "."
        super().__init__(f"unknown {kind} {received!r}{offered} Known: {listed}")


class ConfigError(BadInput):
    """One or more settings are wrong; all of them are reported at once.

    Attributes:
        problems: One sentence a wrong setting.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def suggestion(received: str, known: Iterable[str]) -> str:
    """A phrase that offers the nearest known name, or one that begins so, or nothing."""
    known = list(known)
    nearest = difflib.get_close_matches(str(received), known, n=1)
    nearest = nearest or [name for name in known if received and name.startswith(str(received))]
    return f" did you mean {nearest[0]!r}?" if nearest else ""
