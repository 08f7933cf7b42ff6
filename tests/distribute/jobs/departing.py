"""Two workers, of which the chief ends last: FOLDER [stay|leave|die].

`stay`: the other waits for it; `leave`: it does not; `die`: it waits, and the chief fails.
"""

import json
import os
import sys
import time
from pathlib import Path

import tftrain

folder, how = Path(sys.argv[1]), sys.argv[2]
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
strategy = tftrain.distribute.strategy("multiworker", peer_timeout=2)
if index == 0:
    while how == "leave" and not (folder / "left").exists():
        time.sleep(0.05)
    time.sleep(1 if how == "die" else 4)
    if how == "die":
        os._exit(3)
begun = time.monotonic()
if how != "leave":
    tftrain.distribute.wait_for_writer(strategy)
print(f"worker {index} waited {time.monotonic() - begun:.1f} s", flush=True)
if index == 1:
    (folder / "left").touch()
