"""In an enclosure: a network, and a daemon that would stay for ever. FOLDER/result.json when up."""

import subprocess
import sys
import time
from pathlib import Path

import network

network.build()
folder = Path(sys.argv[1])
# In a session of its own, its parent gone: what no one who looks for children finds.
subprocess.run(["setsid", "--fork", "sleep", "98765"], check=True)
(folder / "result.json").write_text("{}")
time.sleep(98765)
