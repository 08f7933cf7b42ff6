"""Every piece of Python and every command that the documents show works."""

import subprocess

import pytest

from tests import documents, warm_python

ROOT = documents.ROOT
WITH_PYTHON = [page for page in sorted(ROOT.glob("docs/**/*.md")) if documents.program(page)]


def name(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_python_runs_in_order(page, tmp_path):
    script = tmp_path / page.with_suffix(".py").name
    script.write_text(documents.program(page))
    command = warm_python.command(script)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
