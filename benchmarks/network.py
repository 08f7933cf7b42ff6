"""Network interfaces for benchmarks: counting what they send, and hosts and links of one's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ADDRESSES = ("10.78.0.1", "10.78.0.2")
LINK = "eth0"
# The kernel ends all that was started in the namespaces when their first process ends, and that
# one with the program that asked for them.
OWN_NAMESPACES = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child"]
OWN_NAMESPACES += ["--mount-proc", "--net", "--mount", "--pid"]


def sent_bytes(interface: str) -> int:
    """Bytes that an interface of this network namespace has transmitted."""
    for line in Path("/proc/self/net/dev").read_text().splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == interface:
            return int(counters.split()[8])
    raise RuntimeError(f"/proc/self/net/dev knows no {interface}")


def isolation() -> list[str] | None:
    """The command before a command that gives it a network namespace of its own, if that works."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return None
    # exec: signals must reach the job, not a shell.
    inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "isolated"]
    for rights in ([], ["--map-root-user"]):
        command = ["unshare", "--net", *rights, *inside]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    return None


def make_hosts() -> None:
    """Makes two hosts, `host0` and `host1`, joined by a link; in `OWN_NAMESPACES` only."""
    if os.getpid() != 1:
        raise RuntimeError("not in namespaces: this would change the machine's network")
    for command in (
        "mkdir -p /run/netns",
        "mount -t tmpfs tmpfs /run/netns",  # names are not seen outside
        "ip netns add host0",
        "ip netns add host1",
        f"ip -n host0 link add {LINK} type veth peer name {LINK} netns host1",
    ):
        subprocess.run(command.split(), check=True)
    for number, address in enumerate(ADDRESSES):
        for end in (
            "link set lo up",
            f"address add {address}/24 dev {LINK}",
            f"link set {LINK} up",
        ):
            subprocess.run([*f"ip -n host{number}".split(), *end.split()], check=True)


def shape(rate: int) -> None:
    """Limits what this host sends over the link, in Mbit/s."""
    burst = max(5_000, rate * 250)  # bytes: two milliseconds, and a few packets
    command = f"tc qdisc replace dev {LINK} root tbf rate {rate}mbit burst {burst} latency 400ms"
    subprocess.run(command.split(), check=True)
