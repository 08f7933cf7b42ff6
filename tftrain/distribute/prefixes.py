"""Lines of several processes on one screen: each with the name of its process before it."""

from __future__ import annotations

from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34, 31)  # cyan, yellow, magenta, green, blue, red


class Prefix:
    """Writes one process's bytes to a stream, whole lines at a time.

    Args:
        name: What is put before each line, e.g. `worker 0`.
        order: The process's place among the others; chooses its colour.
        output: The stream.
        colour: Whether the prefix is coloured (ANSI).

    Example:
        >>> import sys
        >>> prefix = Prefix("worker 0", 0, sys.stdout, colour=False)
        >>> prefix.write(b"loss 0.5\\nloss ")
        worker 0 | loss 0.5
        >>> prefix.write(b"0.4\\n")
        worker 0 | loss 0.4
    """

    def __init__(self, name: str, order: int, output: TextIO, colour: bool) -> None:
        head = f"{name:<8} | "
        code = _COLOURS[order % len(_COLOURS)]
        self._head = f"\033[{code}m{head}\033[0m" if colour else head
        self._output = output
        self._rest = b""

    def write(self, data: bytes) -> None:
        """Writes the lines that are complete, keeps the rest for later."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        self._output.flush()

    def finish(self) -> None:
        """Writes what is left without an end of line."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""
            self._output.flush()

    def _line(self, line: bytes) -> None:
        # A progress bar redraws its line with carriage returns: its last state is the line.
        text = line.decode("utf-8", errors="replace").rstrip("\r").rpartition("\r")[2]
        self._output.write(f"{self._head}{text}\n")
