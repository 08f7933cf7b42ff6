"""What docs/how-to/augment.md says can be pasted, and is complete."""

import inspect
import re
import runpy
from pathlib import Path

import pytest

from tftrain import augment
from tftrain.augment.settings import LIMITS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/augment.md").read_text()


def test_the_code_runs_in_order(capsys):
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    exec(compile(code, "augment.md", "exec"), {})
    assert capsys.readouterr().out == "<dtype: 'float32'> (50, 32, 32, 3) (50, 10)\n"


@pytest.mark.parametrize("name", augment.names())
def test_the_table_gives_every_setting_and_its_default(name):
    (line,) = re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
    parameters = inspect.signature(getattr(augment, name)).parameters
    for setting in LIMITS[name]:
        default = parameters[setting].default
        assert f"{setting}={default:g}" in line or f"`{setting}`" in line
    assert ("border" in parameters) == ("`border`" in line)
    assert ("classes" in parameters) == ("probabilities" in line)


def test_the_picture_shows_every_augmentation():
    script = runpy.run_path(str(ROOT / "docs/augmentations.py"), run_name="augmentations")
    assert set(script["SETTINGS"]) <= set(augment.names())
    for name in ("as given", "flip", "mixup"):
        row = script["row"](name)
        assert len(row) == 8
    assert (ROOT / "docs/augmentations.png").stat().st_size < 500 * 1024
