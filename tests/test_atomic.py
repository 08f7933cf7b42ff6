import pytest

from tftrain.atomic import publish_folder, replace_file


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
