"""Signals that announce the end of a process, and the exit codes that tell of them."""

from __future__ import annotations

import signal

# Nobody can handle the other two.
HANDLED = {
    each.name: int(each) for each in signal.Signals if each.name not in ("SIGKILL", "SIGSTOP")
}
PREEMPTING = ("SIGTERM", "SIGUSR1")
PREEMPTED = tuple(128 + HANDLED[name] for name in PREEMPTING)  # 143 and, on Linux, 138
