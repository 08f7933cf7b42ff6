import socket
import subprocess
import sys
import threading
import time

import pytest

from tftrain.distribute import launcher, roll_call
from tftrain.distribute.clusters import Cluster
from tftrain.errors import ClusterError, PeerUnreachable


def test_all_answer_when_all_come():
    clusters = launcher.local_clusters(3)
    came, over = [], threading.Event()

    def come(cluster):
        roll_call.wait_for_peers(cluster, seconds=10)
        came.append(cluster.name)
        # TensorFlow's server takes the port over: peers that still knock find it open.
        with socket.create_server(("", int(cluster.address.rpartition(":")[2]))):
            over.wait(10)

    threads = [threading.Thread(target=come, args=(one,)) for one in clusters]
    for thread in threads:
        thread.start()
        time.sleep(0.1)  # the last one comes late
    deadline = time.monotonic() + 10
    while len(came) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    over.set()
    for thread in threads:
        thread.join()
    assert sorted(came) == ["worker 0", "worker 1", "worker 2"]


def test_the_missing_are_named_with_their_addresses():
    cluster = launcher.local_clusters(3)[0]
    with (
        socket.create_server(("", int(cluster.workers[2].rpartition(":")[2]))),
        pytest.raises(PeerUnreachable) as caught,
    ):
        roll_call.wait_for_peers(cluster, seconds=0.5)
    assert caught.value.missing == (f"worker 1 at {cluster.workers[1]}",)
    assert cluster.workers[1] in str(caught.value)


def test_an_unknown_host_is_missing():
    port = launcher.free_ports(1)[0]
    cluster = Cluster((f"localhost:{port}", "no-such-host.invalid:1"))
    with pytest.raises(PeerUnreachable, match=r"no-such-host\.invalid:1"):
        roll_call.wait_for_peers(cluster, seconds=0.3)


def test_a_port_in_use_is_said():
    cluster = launcher.local_clusters(2)[0]
    with (
        socket.create_server(("", int(cluster.address.rpartition(":")[2]))),
        pytest.raises(ClusterError, match="another process uses it"),
    ):
        roll_call.wait_for_peers(cluster, seconds=0.3)


def test_the_watchdog_ends_a_process_that_holds_pythons_lock():
    code = """
import ctypes
from tftrain.distribute import watchdog
with watchdog.time_limit(0.5, "worker 0: connecting", {"worker 1": "localhost:1"}):
    ctypes.PyDLL(None).sleep(60)
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == -15
    assert "worker 0: connecting took longer than 0.5 s" in done.stderr
    assert "worker 1 at localhost:1" in done.stderr
    assert time.monotonic() - started < 15


def test_the_watchdog_called_off_in_time_does_nothing():
    code = """
import time
from tftrain.distribute import watchdog
with watchdog.time_limit(0.3, "x", {}):
    pass
time.sleep(0.6)
print("alive")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("alive\n", "", 0)
