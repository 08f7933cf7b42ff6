import subprocess
import sys
from pathlib import Path

import pytest

from tftrain.atomic import (
    clear_leftovers,
    publish_folder,
    remove_folder,
    replace_file,
    staged_folder,
    write_new_file,
)


def test_replaced_file_holds_the_new_content(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replace_file(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def interrupted(path):
    path.write_text("half")
    raise RuntimeError


def test_failed_replacement_leaves_the_old_content(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), replace_file(target) as temporary:
        interrupted(temporary)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_temporary_name_keeps_the_suffix(tmp_path):
    with replace_file(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        temporary.write_text("")


def test_folder_appears_complete(tmp_path):
    with publish_folder(tmp_path / "1") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
        assert not (tmp_path / "1").exists()
    assert (tmp_path / "1" / "deep" / "file").read_text() == "x"


def test_existing_folder_is_never_replaced(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "kept").write_text("x")
    with pytest.raises(OSError, match="not empty"), publish_folder(tmp_path / "1") as folder:
        (folder / "file").write_text("y")
    assert [path.name for path in tmp_path.rglob("*")] == ["1", "kept"]


WRITE_UNTIL_KILLED = """
import pathlib, sys, time
from tftrain.atomic import staged_folder
with staged_folder(pathlib.Path(sys.argv[1]), "1") as staged:
    (staged.path / "half").write_text("x")
    print(staged.path, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_cleared_and_what_is_being_written_is_not(tmp_path):
    command = [sys.executable, "-c", WRITE_UNTIL_KILLED, str(tmp_path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
        staged_folder(tmp_path, "2") as alive,
    ):
        left = Path(process.stdout.readline().strip())
        clear_leftovers(tmp_path)
        assert left.exists(), "it is still being written"
        process.kill()
        process.wait()
        clear_leftovers(tmp_path)
        assert list(tmp_path.iterdir()) == [alive.path]


def test_clearing_follows_no_link_and_removes_no_file(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".tmp-12345678-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".tmp-12345678-file").write_text("x")
    clear_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".tmp-12345678-file", ".tmp-12345678-link", "elsewhere",
    ]  # fmt: skip


def test_a_staged_folder_that_is_not_published_goes(tmp_path):
    with staged_folder(tmp_path, "1") as staged:
        (staged.path / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_another_name_can_be_tried(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "kept").write_text("x")
    with staged_folder(tmp_path, "new") as staged:
        (staged.path / "file").write_text("y")
        with pytest.raises(OSError, match="not empty"):
            staged.publish(tmp_path / "1")
        staged.publish(tmp_path / "2")
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["1", "kept", "2", "file"]


def test_a_removed_folder_is_gone(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "file").write_text("x")
    remove_folder(tmp_path / "1")
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_never_replaces_another(tmp_path):
    assert write_new_file(tmp_path / "a.txt", "first")
    assert not write_new_file(tmp_path / "a.txt", "second")
    assert (tmp_path / "a.txt").read_text() == "first"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.txt"]
