"""How long a new process takes to its first answer, and how much memory it needs."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tftrain.errors import StartupFailed

_PHASES = ("imported", "loaded", "answered")
_PROGRAM = "tftrain.evaluate.startup_process"


@dataclasses.dataclass(frozen=True)
class Startup:
    """The beginning of a process that imports Keras, loads a model file and answers.

    Attributes:
        import_seconds: From the start of the process until TensorFlow and Keras are imported.
        load_seconds: Until the model is there.
        first_answer_seconds: Until the first example is answered: the function is traced.
    """

    import_seconds: float
    load_seconds: float
    first_answer_seconds: float

    @property
    def seconds(self) -> float:
        """From the start of the process to its first answer."""
        return self.import_seconds + self.load_seconds + self.first_answer_seconds


def startup(
    model_file: str | os.PathLike[str],
    x: Any,
    *,
    clock: Callable[[], float] = time.perf_counter,
    python: Sequence[str] = (sys.executable,),
    timeout: float = 600,
) -> tuple[Startup, int]:
    """Starts a Python, which loads the model and answers one example, then all.

    It is measured once, and files are likely to be in the system's cache already: a first start
    after a boot takes longer.

    Args:
        model_file: `.keras` or `.h5`, of layers that Keras knows or tftrain makes.
        x: Inputs `[N, ...]`, as the model takes them.
        clock: Gives the time in seconds.
        python: The command that runs Python.
        timeout: Seconds after which it is killed.

    Returns:
        The seconds; and the largest resident memory of the process, in bytes.

    Raises:
        StartupFailed: It ended without an answer; the message has its last words.
    """
    with tempfile.TemporaryDirectory() as scratch:
        inputs, errors = Path(scratch) / "inputs", Path(scratch) / "errors"
        inputs.write_bytes(pickle.dumps(x))
        with errors.open("w") as stderr:
            began = clock()
            process = _started([*python, "-m", _PROGRAM, str(model_file), str(inputs)], stderr)
            times, answer = _watched(process, clock, timeout)
        if answer is None:
            said = errors.read_text(errors="replace").strip().splitlines() or ["nothing"]
            raise StartupFailed(
                f"a new process did not get to answer with {model_file} (exit code "
                f"{process.returncode}, {len(times)} of {len(_PHASES)} phases, at most "
                f"{timeout:g} s); without it (model_file=None, --nostartup) the rest is measured. "
                f"It said last: {said[-1]}"
            )
    imported, loaded, answered = times
    seconds = Startup(imported - began, loaded - imported, answered - loaded)
    return seconds, answer["peak_memory_bytes"]


def _started(command: list[str], stderr: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def _watched(
    process: subprocess.Popen[str], clock: Callable[[], float], timeout: float
) -> tuple[list[float], dict[str, int] | None]:
    """When the phases were over, and what was said in the end; None if it did not come to it."""
    times: list[float] = []
    answer = None
    killer = threading.Timer(timeout, process.kill)
    killer.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() in _PHASES:
                times.append(clock())
            elif line.startswith("{"):
                answer = json.loads(line)
        process.wait()
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
    return times, answer
