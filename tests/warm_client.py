"""Stands for a process that a warm Python forks: its files, its signals and its end are that one's.

`python -I -S warm_client.py ADDRESS ARGUMENTS`; see warm_python.py.
"""

import contextlib
import json
import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Fork:
    """A process that the warm Python at an address has forked; without its Fork it is killed."""

    def __init__(self, address, arguments, environ, folder, files):
        """`files`: the descriptors that are its standard input, output and errors."""
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(f"\0{address}")
        order = {"arguments": arguments, "environ": environ, "folder": folder}
        content = json.dumps(order).encode()
        socket.send_fds(self._connection, [len(content).to_bytes(4, "big")], files)
        self._connection.sendall(content)
        self.pid = int.from_bytes(self._connection.recv(4), "big")

    def wait(self, seconds=None):
        """The exit status; -N after signal N."""
        with self._connection:
            self._connection.settimeout(seconds)
            return int.from_bytes(self._connection.recv(4), "big", signed=True)


def main(address, *arguments):
    fork = Fork(address, arguments, dict(os.environ), os.getcwd(), [0, 1, 2])
    for number in PASSED_ON:
        signal.signal(number, lambda number, _: pass_on(fork.pid, number))
    return fork.wait()


def pass_on(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def end(status):
    """Ends as the other has ended: by the same signal, or with its status."""
    if status < 0:
        if status != -signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if __name__ == "__main__":
    end(main(*sys.argv[1:]))
