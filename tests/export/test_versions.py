"""Versions beside one another: whose number is whose, which go, and what a killed export leaves."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import warm_python
from tftrain import atomic, export, models
from tftrain.errors import ExportError
from tftrain.export import versions

EXPORT = """
import sys
from tftrain import export, models
for _ in range(4):
    print(export.saved_model(models.linear((2,), classes=2), sys.argv[1], verify=False).name)
"""


def names(base):
    return sorted(path.name for path in base.iterdir() if path.is_dir())


def versions_in(base, *numbers):
    for number in numbers:
        (base / str(number)).mkdir(parents=True)
        (base / str(number) / "saved_model.pb").write_bytes(b"")


def test_versions_grow_and_other_names_are_ignored(tmp_path, small_model):
    (tmp_path / "notes").mkdir()
    (tmp_path / "²").mkdir()
    (tmp_path / "99999999999999999999").mkdir()  # more than servers read
    assert export.saved_model(small_model, tmp_path, verify=False).name == "1"
    assert export.saved_model(small_model, tmp_path, version=7, verify=False).name == "7"
    assert export.saved_model(small_model, tmp_path, verify=False).name == "8"


def test_versions_grow_from_what_servers_read_in_names(tmp_path, small_model):
    for name in ("-7", "007", "+9"):
        (tmp_path / name).mkdir()
    assert export.saved_model(small_model, tmp_path, verify=False).name == "10"


def test_threads_that_export_at_once_never_collide(tmp_path):
    def exported(model):
        return export.saved_model(model, tmp_path, verify=False).name

    built = [models.linear((2,), classes=2) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(exported, built)) == ["1", "2", "3", "4"] == names(tmp_path)


def test_processes_that_export_at_once_never_collide(tmp_path):
    command = warm_python.command("-c", EXPORT, tmp_path)
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    taken = " ".join(process.communicate(timeout=120)[0] for process in processes).split()
    assert sorted(taken) == [str(number) for number in range(1, 9)] == names(tmp_path)


def test_an_existing_version_is_never_replaced(tmp_path, small_model):
    (tmp_path / "3").mkdir()
    with pytest.raises(ExportError, match="versions are never replaced"):
        export.saved_model(small_model, tmp_path, version=3)


@pytest.mark.parametrize("argument", ["version", "keep"])
@pytest.mark.parametrize("number", [0, -1, 2**63])
def test_numbers_are_positive_and_fit_a_server(argument, number, tmp_path, small_model):
    with pytest.raises(ExportError, match=f"{argument} is {number}; expected a positive integer"):
        export.saved_model(small_model, tmp_path / "base", **{argument: number})
    assert not (tmp_path / "base").exists()


def test_a_version_that_appears_meanwhile_is_not_replaced(tmp_path):
    with atomic.staged_folder(tmp_path, "export") as staged:
        versions_in(tmp_path, 5)
        with pytest.raises(ExportError, match="versions are never replaced"):
            versions.publish(staged, tmp_path, 5)
    assert names(tmp_path) == ["5"]


def test_old_versions_are_pruned_by_their_number(tmp_path, small_model):
    versions_in(tmp_path, 2, 9, 10)
    assert export.saved_model(small_model, tmp_path, keep=2, verify=False).name == "11"
    assert names(tmp_path) == ["10", "11"]


def test_what_is_no_export_is_never_pruned(tmp_path, small_model):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "thesis.txt").write_text("")
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    versions_in(elsewhere, 4)
    (tmp_path / "2").symlink_to(elsewhere / "4")
    export.saved_model(small_model, tmp_path, keep=1, verify=False)
    assert names(tmp_path) == ["1", "2", "3"]


def test_the_version_just_published_stays_though_others_are_newer(tmp_path, small_model):
    versions_in(tmp_path, 8, 9)
    export.saved_model(small_model, tmp_path, version=3, keep=1, verify=False)
    assert names(tmp_path) == ["3", "9"]


def test_a_version_goes_with_its_name_first(tmp_path, monkeypatch):
    versions_in(tmp_path, 1, 2)
    found = []
    monkeypatch.setattr("shutil.rmtree", lambda path, **how: found.append(path))
    versions.prune(tmp_path, 1, tmp_path / "2")
    (half_removed,) = found
    assert half_removed.name.startswith(".tmp-")
    assert not (tmp_path / "1").exists()


def test_an_export_clears_what_a_killed_one_has_left(tmp_path, small_model):
    (tmp_path / ".tmp-0123abcd-export" / "variables").mkdir(parents=True)
    with atomic.staged_folder(tmp_path, "export") as alive:
        export.saved_model(small_model, tmp_path, verify=False)
        assert names(tmp_path) == [alive.path.name, "1"], "what is being written stays"


def test_the_first_version_follows_where_there_is_no_folder(tmp_path):
    assert versions.following(tmp_path / "base") == 1
