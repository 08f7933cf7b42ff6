"""Programs that tests start in processes of their own are no test modules: not imported here."""

from pathlib import Path

collect_ignore = [str(path) for path in Path(__file__).parent.glob("*_job.py")]
