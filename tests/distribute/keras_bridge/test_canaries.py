"""Fails where Keras no longer has a defect that a file here repairs: then remove the repair."""

import json
import re

import pytest
from jobs import HERE, Job, run

DEFECTS = re.findall(r'"(\w+: [^"]+)": ', (HERE / "canary_job.py").read_text())


@pytest.fixture(scope="module")
def defects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("canaries")
    run(
        Job("canary_job.py", [folder / "mirrored.json", "mirrored"], folder),
        Job("canary_job.py", [folder / "worker-INDEX.json", "workers"], folder, workers=2),
        seconds=500,
    )
    found = json.loads((folder / "mirrored.json").read_text())
    return {**found, **json.loads((folder / "worker-0.json").read_text())}


@pytest.mark.parametrize("defect", DEFECTS)
def test_keras_still_has_the_defect(defects, defect):
    assert defects[defect]
