"""What a user meets first: the import, the public names, the wheel."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tftrain

REPOSITORY = Path(tftrain.__file__).parents[1]


def test_importing_tftrain_loads_neither_tensorflow_nor_keras(python):
    done = python(
        "import sys, tftrain, tftrain.data, tftrain.models, tftrain.optim, tftrain.export\n"
        "print(sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_public_names_are_listed():
    for name in tftrain.__all__:
        assert getattr(tftrain, name) is not None
    assert set(tftrain.__all__) <= set(dir(tftrain))


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        tftrain.trian  # noqa: B018


def test_wheel_is_complete_and_works_outside_the_repository(tmp_path):
    source = tmp_path / "source"  # a build leaves files beside its source
    shutil.copytree(REPOSITORY / "tftrain", source / "tftrain")
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, source)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(tmp_path), str(source)],
        check=True, timeout=120,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("tftrain-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    done = subprocess.run(
        [sys.executable, "-c",
         "import tftrain, tftrain.report.pages, tftrain.cli.main as cli;"
         "print(tftrain.__file__); cli.main(['train', '--help']);"
         "from pathlib import Path; assert (Path(tftrain.__file__).parent / 'py.typed').exists();"
         "assert (Path(tftrain.__file__).parent / 'report/page.html').exists()"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "installed"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "installed"))
