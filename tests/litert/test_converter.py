"""The process that converts: kept, replaced when it dies, gone when nobody needs it."""

import os
import signal

import pytest

from tftrain import litert
from tftrain.litert import converter, converter_process


def test_the_process_is_kept_for_the_next_conversion(sample):
    litert.convert(sample("mlp"))
    first = converter._process.pid
    litert.convert(sample("mlp"))
    assert converter._process.pid == first


def test_a_process_that_was_killed_between_jobs_is_replaced(sample):
    litert.convert(sample("mlp"))
    process = converter._process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert litert.convert(sample("mlp")).size > 0


def test_a_job_that_comes_as_the_process_retires_is_done_by_another(sample):
    litert.convert(sample("mlp"))
    converter._process.stdin.close()  # it ends as it does after a minute
    converter._process.wait()
    converter._process.poll = lambda: None  # as if that had not been noticed
    converter._process.stdin = open(os.devnull, "w")  # noqa: SIM115 - the pipe's stand-in
    assert litert.convert(sample("mlp")).size > 0


def test_it_ends_with_the_process_that_started_it(python):
    done = python(
        "from tftrain import litert, models\n"
        "from tftrain.litert import converter\n"
        "litert.convert(models.linear((2,)))\n"
        "print(converter._process.pid)"
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_it_retires_when_nothing_is_asked_of_it(monkeypatch):
    monkeypatch.setattr(converter_process, "_IDLE_SECONDS", 0.05)
    receiving, sending = os.pipe()
    with os.fdopen(receiving) as stream, os.fdopen(sending, "w") as asking:
        assert converter_process._next_line(stream) == ""
        print("folder", file=asking, flush=True)
        assert converter_process._next_line(stream) == "folder"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-signal.SIGSEGV, "was ended by SIGSEGV"),
        (-signal.SIGKILL, "SIGKILL: the machine may have run out of memory"),
        (3, "exit code 3"),
    ],
)
def test_the_cause_of_a_crash_is_told(code, said):
    assert said in str(converter.ConverterCrashed(code, ""))
