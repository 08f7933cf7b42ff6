"""Every error tftrain raises on purpose.

A message says what was received, what was expected and what to do next. `exit_code` is what
the command line returns: 2 where the input was wrong, 1 where the work itself failed.

Example:
    >>> raise UnknownName("model", "mpl", ["cnn", "mlp"])
    Traceback (most recent call last):
    tftrain.errors.UnknownName: unknown model 'mpl'; did you mean 'mlp'? Known: cnn, mlp
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TftrainError(Exception):
    """The work failed: the base of every error raised on purpose."""

    exit_code = 1


class BadInput(TftrainError, ValueError):
    """What the caller gave cannot be used; nothing was written."""

    exit_code = 2


class UnknownName(BadInput):
    """A name that is not in a registry; lists the known ones and suggests the nearest."""

    def __init__(self, kind: str, received: str, known: Iterable[str]) -> None:
        known = sorted(known)
        super().__init__(
            f"unknown {kind} {received!r};{_suggestion(received, known)} Known: {', '.join(known)}"
        )


class ConfigError(BadInput):
    """One or more settings are wrong; all of them are reported at once.

    Attributes:
        problems: One sentence a wrong setting.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class DataError(BadInput):
    """A data file is missing, damaged, or does not hold what a dataset must hold."""


class RunFolderError(BadInput):
    """A folder is not a run, already exists, or lacks what a command needs of it."""


class ExportError(BadInput):
    """A model cannot be exported as asked."""


class BackendError(BadInput):
    """Keras runs, or was told to run, on a backend other than TensorFlow, or is too old."""


class DistributionError(BadInput):
    """Data, a model or an option cannot be used under the chosen distribution strategy."""


def _suggestion(received: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(str(received), known, n=1)
    return f" did you mean {nearest[0]!r}?" if nearest else ""
