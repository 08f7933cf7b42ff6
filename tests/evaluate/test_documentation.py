"""What docs/how-to/evaluate.md says can be pasted, and names every metric."""

import re
from pathlib import Path

from tftrain import evaluate

PAGE = (Path(__file__).parents[2] / "docs/how-to/evaluate.md").read_text()


def test_the_code_runs_in_order(capsys):
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    names = {}
    exec(compile(code, "evaluate.md", "exec"), names)
    assert names["judged"].calibration.error_after < names["judged"].calibration.error
    assert "examples/s" in capsys.readouterr().out


def test_every_metric_is_named():
    assert all(f"`{name}`" in PAGE for name in evaluate.known_metrics())
