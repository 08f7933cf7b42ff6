"""Programs that tests start in processes of their own are no test modules: not imported here."""

from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = ("jobs/*.py", "*_job.py", "keras_bridge/*_job.py", "keras_bridge/*_cases.py",
            "pipeline/*_job.py")  # fmt: skip

collect_ignore = [str(path) for pattern in PROGRAMS for path in HERE.glob(pattern)]
