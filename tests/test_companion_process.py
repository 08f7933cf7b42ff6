"""A process that works for another: kept, replaced when it dies, gone when nobody needs it."""

import os
import signal
import sys
import threading

import pytest

from tests import companion_worker
from tests.waiting import is_running, wait_until
from tftrain import companion_process
from tftrain.companion_process import Companion, Crashed, GaveUp


@pytest.fixture(scope="module")
def companion():
    companion = Companion(companion_worker.__name__, ("colorsys",))
    yield companion
    companion._end()


@pytest.fixture
def job(tmp_path):
    """The folder of a job, which is to do something and leave what it says."""

    def write(task):
        (tmp_path / "task.txt").write_text(task)
        return tmp_path

    return write


def answer(folder):
    return (folder / "answer.txt").read_text()


def test_it_is_kept_for_the_next_job(companion, job):
    companion.work(job("pid"))
    first = answer(job("pid"))
    companion.work(job("pid"))
    assert answer(job("pid")) == first != str(os.getpid())


def test_one_that_was_killed_between_jobs_is_replaced(companion, job):
    companion.work(job("pid"))
    os.kill(companion.process.pid, signal.SIGKILL)
    companion.process.wait()
    companion.work(job("pid"))
    assert answer(job("pid")) == str(companion.process.pid)


def test_a_job_that_comes_as_the_process_retires_is_done_by_another(companion, job):
    companion.work(job("pid"))
    companion.process.stdin.close()  # it ends as it does after a minute
    companion.process.wait()
    companion.process.poll = lambda: None  # as if that had not been noticed
    companion.process.stdin = open(os.devnull, "w")  # noqa: SIM115 - the pipe's stand-in
    companion.work(job("pid"))
    assert answer(job("pid")) == str(companion.process.pid)


def test_a_crash_is_told_and_the_next_job_done(companion, job):
    with pytest.raises(Crashed, match="was ended by SIGABRT") as crash:
        companion.work(job("abort"))
    assert "about to abort" in crash.value.log
    companion.work(job("pid"))


def test_an_error_is_told_with_the_name_of_its_class(companion, job):
    with pytest.raises(GaveUp, match="ValueError: no such task") as error:
        companion.work(job("something else"))
    assert "what it printed" in error.value.log


def test_hidden_modules_cannot_be_imported_there(companion, job):
    with pytest.raises(GaveUp, match="ModuleNotFoundError: import of colorsys halted"):
        companion.work(job("import colorsys"))


def test_a_worker_that_cannot_be_imported_says_why_at_the_first_job(job):
    companion = Companion(companion_worker.__name__, ("json",))
    with pytest.raises(GaveUp, match="import of json halted"):
        companion.work(job("pid"))
    companion._end()


def test_an_interrupted_job_leaves_no_answer_to_the_next(companion, job):
    companion.work(job("pid"))
    before = companion.process.pid
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        companion.work(job("sleep"))
    companion.work(job("pid"))
    assert answer(job("pid")) == str(companion.process.pid) != str(before)


def test_a_fork_starts_its_own(companion, job):
    companion.work(job("pid"))
    with companion._lock:  # as a thread may hold it at that moment
        child = os.fork()
        if not child:
            companion.work(job("pid"))
            companion._end()
            os._exit(answer(job("pid")) == str(companion.process))
    assert os.waitpid(child, 0)[1] == 0
    assert answer(job("pid")) != str(companion.process.pid)
    companion.work(job("pid"))  # the parent's lives on
    assert answer(job("pid")) == str(companion.process.pid)


OWNER = """
import os, pathlib, signal
from tests import companion_worker
from tftrain.companion_process import Companion
companion = Companion(companion_worker.__name__)
folder = pathlib.Path({folder!r})
companion.work(folder)
print(companion.process.pid, flush=True)
{end}
"""


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_it_ends_with_its_owner(end, python, job):
    done = python(
        OWNER.format(folder=str(job("pid")), end=end), PYTHONPATH=os.pathsep.join(sys.path)
    )
    assert done.stderr == ""
    wait_until(lambda: not is_running(int(done.stdout)))


def test_it_retires_when_nothing_is_asked_of_it(monkeypatch):
    monkeypatch.setattr(companion_process, "_IDLE_SECONDS", 0.05)
    receiving, sending = os.pipe()
    with os.fdopen(receiving) as stream, os.fdopen(sending, "w") as asking:
        assert companion_process._next_line(stream) == ""
        print("folder", file=asking, flush=True)
        assert companion_process._next_line(stream) == "folder"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-signal.SIGSEGV, "was ended by SIGSEGV"),
        (-signal.SIGKILL, "SIGKILL: the machine may have run out of memory"),
        (3, "exit code 3"),
    ],
)
def test_the_cause_of_a_crash_is_told(code, said):
    assert said in str(Crashed(code, ""))
