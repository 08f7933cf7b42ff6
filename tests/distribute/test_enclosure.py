"""What the cluster tests make is gone when they are, however they end."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lab import enclosure

from tests.waiting import wait_until

pytestmark = pytest.mark.cluster

RUN = "import sys, pathlib; from lab import enclosure; "
RUN += "enclosure.run('lingering.py', pathlib.Path(sys.argv[1]), limit=float(sys.argv[2]))"


def lingering():
    """Process numbers of the daemon."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # it has just ended
            continue
        if words[:2] == [b"sleep", b"98765"]:
            found.append(path.parent.name)
    return found


def network_names():
    """Interfaces and named network namespaces of this machine."""
    return {*Path("/sys/class/net").glob("*"), *Path("/run/netns").glob("*")}


def start(folder, limit):
    tests = Path(__file__).parent
    process = subprocess.Popen([sys.executable, "-c", RUN, str(folder), str(limit)], cwd=tests)
    wait_until(lambda: (folder / "result.json").exists(), seconds=30)
    return process


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_tests_are_ended(how, tmp_path):
    enclosure.require()
    process = start(tmp_path, limit=60)
    assert len(lingering()) == 1
    process.send_signal(how)
    process.wait(10)
    wait_until(lambda: not lingering(), seconds=5)


def test_nothing_is_left_when_the_time_is_over(tmp_path):
    enclosure.require()
    process = start(tmp_path, limit=3)
    assert process.wait(20) == 1
    wait_until(lambda: not lingering(), seconds=5)


def test_the_machines_network_is_untouched(tmp_path):
    enclosure.require()
    before = network_names()
    process = start(tmp_path, limit=60)
    assert network_names() == before
    process.kill()
    process.wait(10)
