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


def main(address, *arguments):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0{address}")
        order = {"arguments": arguments, "environ": dict(os.environ), "folder": os.getcwd()}
        content = json.dumps(order).encode()
        socket.send_fds(connection, [len(content).to_bytes(4, "big")], [0, 1, 2])
        connection.sendall(content)
        pid = int.from_bytes(connection.recv(4), "big")
        for number in PASSED_ON:
            signal.signal(number, lambda number, _: pass_on(pid, number))
        return int.from_bytes(connection.recv(4), "big", signed=True)


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
