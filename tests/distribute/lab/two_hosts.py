"""In an enclosure: two hosts train to the end; then two train until one's link is cut."""

import json
import sys
import time
from pathlib import Path

import network

TRAINING_SECONDS = 120.0
ENDING_SECONDS = 60.0

folder = Path(sys.argv[1])
network.build()

whole = folder / "whole"
whole.mkdir()
statuses = [worker.wait(TRAINING_SECONDS) for worker in network.start_workers(whole)]

broken = folder / "broken"
broken.mkdir()
workers = network.start_workers(broken, "endless")
deadline = time.monotonic() + TRAINING_SECONDS
while not all((broken / f"under-way-{index}").exists() for index in (0, 1)):
    if time.monotonic() > deadline or any(worker.poll() is not None for worker in workers):
        sys.exit("training did not get under way")
    time.sleep(0.1)
network.cut("n2")
started = time.monotonic()
ends = {}
while len(ends) < 2 and time.monotonic() - started < ENDING_SECONDS:
    for index, worker in enumerate(workers):
        if worker.poll() is not None and index not in ends:
            ends[index] = {"status": worker.returncode, "seconds": time.monotonic() - started}
    time.sleep(0.05)
(folder / "result.json").write_text(json.dumps({"statuses": statuses, "ends": ends}))
