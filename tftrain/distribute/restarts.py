"""Which job this process belongs to, and whether a launcher has started that job again."""

from __future__ import annotations

import os
from collections.abc import Mapping

JOB_VARIABLE = "TFTRAIN_JOB"
RESTART_VARIABLE = "TFTRAIN_RESTART"


def job(environ: Mapping[str, str] = os.environ) -> str | None:
    """What names the job in all its restarts, and no other job; None outside of a job.

    Known to `tftrain launch` and to Slurm, which restarts a job when it is queued again
    (https://slurm.schedmd.com/sbatch.html, --requeue).

    Example:
        >>> job({"SLURM_JOB_ID": "17"})
        'slurm-17'
    """
    if JOB_VARIABLE in environ:
        return environ[JOB_VARIABLE]
    number = environ.get("SLURM_JOB_ID")
    return f"slurm-{number}" if number else None


def restarts(environ: Mapping[str, str] = os.environ) -> int:
    """How often the job was started again before this start; 0 in its first.

    Example:
        >>> restarts({"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "2"})
        2
    """
    launched = JOB_VARIABLE in environ
    count = environ.get(RESTART_VARIABLE if launched else "SLURM_RESTART_COUNT", "0")
    return int(count) if count.isdecimal() else 0


def may_be_again(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the job was started before, or whoever starts it does not count.

    Kubernetes starts a lost pod again with the same variables; what the job has begun tells then.

    Example:
        >>> may_be_again({"TFTRAIN_JOB": "digits-1f0c"})
        True
        >>> may_be_again({"TFTRAIN_JOB": "digits-1f0c", "TFTRAIN_RESTART": "0"})
        False
    """
    return restarts(environ) > 0 or (JOB_VARIABLE in environ and RESTART_VARIABLE not in environ)
