"""What the README shows can be pasted."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import requests

import tftrain
from tests import documents, warm_python
from tftrain.cli.main import main

README = documents.ROOT / "README.md"


def blocks(language):
    return [block.text for block in documents.blocks(README) if block.language == language]


def test_python_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = [block for block in blocks("python") if "import tftrain" in block]
    exec(compile(code, "README.md", "exec"), {})
    accuracy = float(re.search(r"'accuracy': (0\.\d+)", capsys.readouterr().out)[1])
    assert accuracy > 0.95
    assert (tmp_path / "exports/digits/1/saved_model.pb").exists()


def test_the_command_block_runs_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = [block for block in blocks("sh") if "tftrain evaluate" in block]
    for line in block.splitlines():
        command = shlex.split(line, comments=True)
        assert command[0] == "tftrain"
        assert main([argument.replace("epochs=10", "epochs=1") for argument in command[1:]]) == 0


def test_the_compression_block_runs_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = [block for block in blocks("sh") if "tftrain compress" in block]
    quicker = {"train": "--epochs=10", "compress": "--rounds=1"}
    for line in block.splitlines():
        command = shlex.split(line, comments=True)[1:]
        assert main([*command, quicker[command[0]]]) == 0


def test_what_is_served_can_be_asked(tmp_path, monkeypatch, finished_run):
    (block,) = [block for block in blocks("sh") if "tftrain serve" in block]
    (url,) = [shlex.split(block)[1] for block in blocks("sh") if "curl" in block]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(tftrain.__file__).parents[1]))
    *_, export, serve = [shlex.split(line, comments=True)[1:] for line in block.splitlines()]
    shutil.copytree(finished_run, "runs/served")
    assert main(export) == 0
    command = [warm_python.executable(), "-m", "tftrain", *serve, "--port=0", "--grpc_port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = next(line for line in server.stdout if line.startswith("REST "))
            port = re.search(r"//127.0.0.1:(\d+)/", line)[1]
            answer = requests.get(url.replace("8501", port), timeout=60).json()
        finally:
            server.terminate()
    assert answer["model_version_status"][0]["state"] == "AVAILABLE"
