"""Trainings under way, as their own processes tell of them in small files, for `tftrain top`.

A process writes a file about once a second, into its run's folder or, without one, into a folder of
this user on this machine, where a link to the other lies too. It removes both when it ends; of
one that was killed they stay, and whoever reads them finds that there is no such process.
"""

from tftrain.live.folders import FOLDER_VARIABLE
from tftrain.live.jobs import Job, Task, of_run, running
from tftrain.live.publisher import LaunchedJob, Publisher
from tftrain.live.usage import Usage

__all__ = [
    "FOLDER_VARIABLE",
    "Job",
    "LaunchedJob",
    "Publisher",
    "Task",
    "Usage",
    "of_run",
    "running",
]
