"""In an enclosure: a Slurm of two nodes runs `srun python training.py`, then the same with its
nodes named in another order.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import network

SECONDS_TO_START = 60.0
SECONDS_TO_TRAIN = 150.0

CONFIGURATION = """
ClusterName=lab
SlurmctldHost={controller}({controller_address})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SwitchType=switch/none
MpiDefault=none
{nodes}
PartitionName=lab Nodes={names} Default=YES MaxTime=10 State=UP
"""


def configure(folder):
    """Writes slurm.conf and the hosts file, which nobody outside the enclosure sees."""
    text = CONFIGURATION.format(
        controller=network.CONTROLLER[0],
        controller_address=network.CONTROLLER[1],
        folder=folder,
        nodes="\n".join(
            f"NodeName={host} NodeAddr={address} CPUs=1 State=UNKNOWN"
            for host, address in network.ADDRESSES.items()
        ),
        names=",".join(network.ADDRESSES),
    )
    (folder / "slurm.conf").write_text(text)
    # Named, or slurmd looks for a cgroup file system, of which an enclosure's nodes have none.
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    hosts = {"localhost": "127.0.0.1", **dict([network.CONTROLLER]), **network.ADDRESSES}
    (folder / "hosts").write_text("".join(f"{ip} {name}\n" for name, ip in hosts.items()))
    subprocess.run(["mount", "--bind", folder / "hosts", "/etc/hosts"], check=True)
    for name in ("state", "munge", *(f"spool-{host}" for host in network.ADDRESSES)):
        (folder / name).mkdir()


def start_daemons(folder):
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    with open(folder / "daemons.log", "ab") as log:
        command = with_munge(folder, "controller", "slurmctld", "-c")
        subprocess.Popen(command, stdout=log, stderr=log)
    for host in network.ADDRESSES:
        network.start(host, with_munge(folder, host, "slurmd"), folder / "daemons.log")
    wait_until(lambda: idle() == len(network.ADDRESSES), "all nodes idle")


def with_munge(folder, host, *daemon):
    """The command of a daemon that has a munged of its own at the place where all expect one.

    One for all would take what goes to both nodes for a replayed message.
    """
    (folder / f"munge-{host}").mkdir()
    munged = f"munged --force --key-file={folder}/munge.key --socket={folder}/munge/socket"
    munged += "".join(f" --{name}-file={folder}/munge/{name}" for name in ("pid", "seed", "log"))
    script = f'mount --bind {folder}/munge-{host} {folder}/munge && {munged} && exec "$@" -D'
    return ["sh", "-c", script, host, *daemon]


def idle():
    """The number of nodes that wait for work."""
    done = subprocess.run(
        ["sinfo", "--noheader", "--Node", "--format=%T"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.split().count("idle")


def wait_until(true, what):
    deadline = time.monotonic() + SECONDS_TO_START
    while not true():
        if time.monotonic() > deadline:
            sys.exit(f"not within {SECONDS_TO_START:g} s: {what}")
        time.sleep(0.2)


def srun(folder, *options):
    """Runs the job; returns its exit status."""
    folder.mkdir()
    command = ["srun", "--nodes=2", "--ntasks=2", "--label", *options]
    command += [sys.executable, str(network.JOB), str(folder)]
    with open(folder / "srun.log", "wb") as log:
        return subprocess.run(
            command, stdout=log, stderr=log, timeout=SECONDS_TO_TRAIN, check=False
        ).returncode


def main(folder):
    network.build()
    configure(folder)
    start_daemons(folder)
    version = subprocess.run(["sinfo", "--version"], capture_output=True, text=True, check=True)
    statuses = {
        "plain": srun(folder / "plain"),
        "named": srun(folder / "named", "--nodelist=n2,n1"),
    }
    result = {"version": version.stdout.strip(), "statuses": statuses}
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
