"""tftrain data write, verify and inspect, from the command line."""

import json

import numpy as np
import pytest

from tftrain.cli.main import main


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A record set of the digits; not to be changed."""
    path = tmp_path_factory.mktemp("records") / "digits"
    assert main(["data", "write", "--from", "digits", "--to", str(path), "--shards", "2"]) == 0
    return path


@pytest.fixture
def key(tmp_path):
    (tmp_path / "my.key").write_bytes(b"k" * 32)
    return tmp_path / "my.key"


@pytest.mark.parametrize("command", ["write", "verify", "inspect"])
def test_each_command_s_help_has_examples_and_its_flags(command, capsys):
    assert main(["data", command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"  tftrain data {command} " in shown
    assert "--debug" in shown


def test_help_does_not_import_tensorflow(python):
    done = python(
        "import sys; from tftrain.cli.main import main\n"
        "for name in ('write', 'verify', 'inspect'): main(['data', name, '--help'])\n"
        "assert not {'tensorflow', 'keras', 'sklearn', 'PIL'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("words", "told"), [
    ([], "expected one of write, verify, inspect right after `data`, received nothing"),
    (["wrte"], "did you mean 'write'"),
])  # fmt: skip
def test_a_missing_or_unknown_command_is_told(words, told, capsys):
    assert main(["data", *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("words", "command"), [
    (["data", "write"], "tftrain data write: --from is missing"),
    (["data", "verify", "/nowhere"], "tftrain data verify: "),
    (["data", "wrte"], "tftrain data: expected one of"),
    (["dta", "write"], "tftrain dta: unknown command"),
])  # fmt: skip
def test_errors_name_the_command_as_it_was_typed(words, command, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(command)


def test_write_says_what_it_wrote(digits, tmp_path, capsys, key):
    arguments = ["--from=digits", f"--to={tmp_path}/set", "--validation=0.1", f"--sign={key}"]
    assert main(["data", "write", *arguments, "--compression=gzip"]) == 0
    shown = capsys.readouterr().out
    assert "train       1,293 examples" in shown
    assert f"{tmp_path}/set/manifest.json (signed)" in shown


def test_all_mistakes_are_told_at_once(digits, tmp_path, capsys):
    arguments = [
        "data", "write", f"--to={digits}", "--shards=0", "--compression=zip", "--resize=big",
        "--test=1", f"--sign={tmp_path}/no.key",
    ]  # fmt: skip
    assert main(arguments) == 2
    error = capsys.readouterr().err
    for told in (
        "--from is missing", "is not empty", "--shards=0", "--compression=zip",
        "--resize=big: expected HxW", "test is 1.0", "no.key cannot be read",
    ):  # fmt: skip
        assert told in error


def test_mistakes_are_told_without_tensorflow(python):
    done = python(
        "import sys; from tftrain.cli.main import main\n"
        "assert main(['data', 'write', '--from=nowhere.npz', '--to=/proc/x']) == 2\n"
        "assert 'tensorflow' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr
    assert "neither a file, nor a folder, nor a dataset" in done.stderr


def test_verify_says_what_it_read(digits, capsys):
    assert main(["data", "verify", str(digits)]) == 0
    shown = capsys.readouterr().out
    assert "is sound: 1,797 records in 3 files" in shown
    assert "MB/s" in shown
    assert "signature: not signed" in shown


def test_verify_tells_no_rate_of_next_to_nothing(tmp_path, capsys):
    (tmp_path / "table.csv").write_text("height,kind\n1,rose\n3,lily\n")
    arguments = [f"--from={tmp_path}/table.csv", f"--to={tmp_path}/set"]
    assert main(["data", "write", *arguments]) == 0
    assert main(["data", "verify", f"{tmp_path}/set"]) == 0
    shown = capsys.readouterr().out
    assert "is sound: 2 records" in shown
    assert "MB/s" not in shown


def test_damage_is_named_line_by_line_and_exits_1(tmp_path, capsys):
    path = tmp_path / "set"
    assert main(["data", "write", "--from=digits", f"--to={path}", "--shards=2"]) == 0
    (path / "train-00000-of-00002.tfrecord").unlink()
    (path / "train-00001-of-00002.tfrecord").write_bytes(b"")
    assert main(["data", "verify", str(path)]) == 1
    lines = capsys.readouterr().err.splitlines()[-2:]
    assert ["00000-of-00002.tfrecord is missing" in lines[0], "is truncated" in lines[1]] == [
        True
    ] * 2


def test_a_signature_is_asked_for(tmp_path, key, digits, capsys):
    path = tmp_path / "set"
    assert main(["data", "write", "--from=digits", f"--to={path}", "--sign", str(key)]) == 0
    assert main(["data", "verify", str(path), "--key", str(key)]) == 0
    assert "signature is right" in capsys.readouterr().out
    assert main(["data", "verify", str(digits), f"--key={key}"]) == 1
    assert "is not signed" in capsys.readouterr().err
    key.write_bytes(b"o" * 32)
    assert main(["data", "verify", str(path), f"--key={key}"]) == 1
    assert "wrong key" in capsys.readouterr().err


def test_inspect_shows_schema_counts_and_classes(digits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "inspect", str(digits)]) == 0
    shown = capsys.readouterr().out
    assert "float64 [8, 8, 1] as raw bytes, 16 becomes 1.0" in shown
    assert "train            1,437      2" in shown
    assert "9                  144  10.0% ###" in shown
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_inspect_draws_as_many_of_each_class(digits):
    from tftrain.cli import data_inspect
    from tftrain.data import records

    images, titles = data_inspect._some_of_each_class(records.open(digits).splits["test"])
    assert images.shape == (40, 8, 8, 1)
    assert titles == [str(label) for label in range(10) for _ in range(4)]


def test_inspect_of_a_table_names_its_columns_and_draws_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text("height,width,kind\n1,2,rose\n3,4,lily\n")
    assert main(["data", "write", "--from=table.csv", "--to=set"]) == 0
    assert main(["data", "inspect", "set"]) == 0
    shown = capsys.readouterr().out
    assert "columns     height, width" in shown
    assert "pictures" not in shown
    assert main(["data", "inspect", "set", "--out=a.png"]) == 2


@pytest.mark.parametrize(("words", "told"), [
    (["verify"], "expected one record set, received 0"),
    (["verify", "a", "b"], "expected one record set, received 2"),
    (["inspect", "/nowhere"], "is no folder"),
    (["inspect", "/nowhere", "--out=a.jpg"], r"--out=a.jpg: expected the name of a .png file"),
    (["verify", "/nowhere", "--key=/no.key"], "/no.key cannot be read"),
])  # fmt: skip
def test_what_cannot_be_read_is_told(words, told, capsys):
    assert main(["data", *words]) == 2
    assert told in capsys.readouterr().err


def test_the_manifest_is_json_to_read(digits):
    text = (digits / "manifest.json").read_text()
    document = json.loads(text)
    assert document["splits"]["test"]["examples"] == 360
    assert '"per_class": [' in text
    assert len(text.splitlines()) < 120
    assert np.sum(document["splits"]["train"]["per_class"]) == 1437
