"""`tftrain train --out=OUT FLAGS...`, ended again and again in one of its tasks.

TASK:SIGNALS says in which, and by which signal in each start of the job, at a random moment after
a checkpoint that this start has written; when there is no signal left, nothing happens any more.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from tftrain.cli.main import main

out, faults, *flags = sys.argv[1:]
task, names = faults.split(":")
start = int(os.environ["TFTRAIN_RESTART"])


def checkpoints():
    return {path.name for path in Path(out, "checkpoints").glob("step-*")}


def end_at_random(number, before):
    while checkpoints() <= before:
        time.sleep(0.01)
    time.sleep(random.Random(start).uniform(0, 0.3))
    print(f"ending {task} by {number.name}", flush=True)
    os.kill(os.getpid(), number)


here = json.loads(os.environ["TF_CONFIG"])["task"]
signals = [signal.Signals[name] for name in names.split(",")]
if f"{here['type']} {here['index']}" == task and start < len(signals):
    given = signals[start], checkpoints()
    threading.Thread(target=end_at_random, args=given, daemon=True).start()
sys.exit(main(["train", f"--out={out}", *flags]))
