"""Hosts with addresses of their own, joined by a switch; to be used in an enclosure only."""

import json
import os
import subprocess
import sys
from pathlib import Path

ADDRESSES = {"n1": "10.77.0.2", "n2": "10.77.0.3"}
CONTROLLER = ("controller", "10.77.0.1")
JOB = Path(__file__).parent / "training.py"


def build():
    """Network namespaces n1 and n2 on a bridge; the enclosure itself is on it as `controller`."""
    if os.getpid() != 1:
        raise RuntimeError("not in an enclosure: this would change the machine's network")
    _do("mkdir -p /run/netns")
    _do("mount -t tmpfs tmpfs /run/netns")  # names are not seen outside
    _do(f"hostname {CONTROLLER[0]}")
    _do("ip link set lo up")
    _do("ip link add switch type bridge")
    _do(f"ip address add {CONTROLLER[1]}/24 dev switch")
    _do("ip link set switch up")
    for host, address in ADDRESSES.items():
        _do(f"ip netns add {host}")
        _do(f"ip link add to-{host} type veth peer name eth0 netns {host}")
        _do(f"ip link set to-{host} master switch up")
        _do(f"ip -n {host} link set lo up")
        _do(f"ip -n {host} address add {address}/24 dev eth0")
        _do(f"ip -n {host} link set eth0 up")


def cut(host):
    """Takes the host's link down at the switch: it sees no end of its connections, only silence."""
    _do(f"ip link set to-{host} down")


def start(host, command, log, **environ):
    """Starts a command on a host."""
    # The host's name goes with the address: Slurm's daemons ask for it.
    named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host]
    with open(log, "ab") as output:
        return subprocess.Popen(
            ["ip", "netns", "exec", host, *named, *command],
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def start_workers(folder, *arguments):
    """Starts the training job, a worker a host, each writing to FOLDER/worker-N.log."""
    addresses = [f"{address}:2222" for address in ADDRESSES.values()]
    return [
        start(
            host,
            [sys.executable, str(JOB), str(folder), *arguments],
            folder / f"worker-{index}.log",
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index, host in enumerate(ADDRESSES)
    ]


def _do(command):
    subprocess.run(command.split(), check=True)
