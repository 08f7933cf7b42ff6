"""A place of its own for a program that makes networks and daemons: nothing of it can remain.

The program is the first process of a PID namespace, with network, mount, UTS and IPC namespaces
of its own. When it ends, or is killed, or the tests are killed, the kernel ends every process that
it started, daemons too; and with the last process go the networks, which have no way out of
the enclosure: no interface of the machine is in it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LAB = Path(__file__).parent
ROOT = LAB.parents[2]
# unshare is killed with the tests, and what it started with unshare.
UNSHARE = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child", "--mount-proc"]
UNSHARE += ["--net", "--mount", "--uts", "--ipc", "--pid"]


def require(*tools):
    """Skips the tests, saying why, where an enclosure or a tool cannot be had."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes network namespaces")
    missing = [tool for tool in ("setpriv", "unshare", "ip", *tools) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}, not found in PATH")
    tried = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this machine makes no namespaces: {tried.stderr.strip()}")


def run(program, folder, limit):
    """Runs a program of the lab in an enclosure; returns what it wrote to FOLDER/result.json."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    environ.pop("TF_CONFIG", None)
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environ |= {"PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1"}
    log = folder / "lab.log"
    with (
        open(log, "wb") as output,
        subprocess.Popen(
            [*UNSHARE, sys.executable, str(LAB / program), str(folder)],
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            status = process.wait(limit)
        except BaseException:
            process.kill()  # the enclosure goes with it
            raise
    assert status == 0, log.read_text(errors="replace")[-6000:]
    return json.loads((folder / "result.json").read_text())
