"""`tftrain serve` as a user has it: a process, its lines, its signals."""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time

import grpc
import numpy as np
import pytest

from tests import warm_python
from tests.serve import sample_versions
from tests.serve.grpc_clients import Client, predict_request
from tftrain.cli.main import main
from tftrain.keras_api import tf

X = np.ones((1, 2), np.float32)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve") / "sample"
    sample_versions.write(folder, (1, 2))
    (folder / "2").rename(folder / ".tmp-2")
    return folder


@contextlib.contextmanager
def server(base, *arguments, python=(sys.executable,)):
    """A running server, and where its gRPC port is."""
    process = subprocess.Popen(
        [*python, "-m", "tftrain", "serve", str(base), "--port=0", "--grpc_port=0", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        for line in process.stdout:
            if line.startswith("gRPC"):
                break
        yield process, line.split()[1]
    finally:
        process.kill()
        process.communicate()


def test_help_does_not_import_tensorflow(python):
    done = python(
        "import sys; from tftrain.cli.main import main; assert main(['serve', '--help']) == 0\n"
        "assert not {'tensorflow', 'keras', 'grpc', 'aiohttp'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


def test_a_version_is_swapped_and_sigterm_finishes_what_is_in_flight(base):
    with server(base, "--poll_seconds=0.05") as (process, address):
        assert process.stderr.readline() == "tftrain: sample: version 1 is served\n"
        with grpc.insecure_channel(address) as channel:
            ask = Client(channel).predictions.Predict
            first = ask(predict_request(inputs=X), timeout=30)
            assert first.model_spec.version.value == 1
            (base / ".tmp-2").rename(base / "2")
            assert process.stderr.readline() == "tftrain: sample: version 2 is served\n"
            slow = ask.future(predict_request("slow", inputs=np.int32([2500])), timeout=60)
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            with pytest.raises(grpc.RpcError) as refused:
                ask(predict_request(inputs=X), timeout=30)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert not slow.done()
            assert tf.make_ndarray(slow.result().outputs["outputs"]).tolist() == [2500]
        assert process.wait(30) == 0
        assert process.stderr.read() == ""


def test_a_second_signal_ends_at_once(base):
    forked = warm_python.command()
    with (
        server(base, python=forked) as (process, address),
        grpc.insecure_channel(address) as channel,
    ):
        ask = Client(channel).predictions.Predict
        slow = ask.future(predict_request("slow", inputs=np.int32([200_000])))
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 128 + signal.SIGINT
        assert slow.exception(10).code() is grpc.StatusCode.UNAVAILABLE


def test_what_is_not_done_in_time_is_left(base):
    forked = warm_python.command()
    with server(base, "--grace_seconds=0.2", python=forked) as (process, address):
        with grpc.insecure_channel(address) as channel:
            asked = Client(channel).predictions.Predict.future(
                predict_request("slow", inputs=np.int32([200_000]))
            )
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            with pytest.raises(grpc.RpcError):
                asked.result(10)
        assert "not all requests were finished in 0.2 s" in process.stderr.read()


def test_a_port_in_use_is_told_before_anything_is_loaded(base, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for flag in ("port", "grpc_port"):
            assert main(["serve", str(base), f"--{flag}={port}"]) == 2
            error = capsys.readouterr().err
            assert error.count("\n") == 1
            assert f"cannot listen at 127.0.0.1:{port}: Address already in use" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "BASE is missing: a folder of versions, or a run"),
        (["{base}/none"], "is not a folder: expected a base folder of versions, or a run"),
        (["{base}/1"], "is one version: serve the folder of versions"),
        (["{base}", "{base}"], "are both named 'sample'"),
        (["{base}", "{base}", "--name=x"], "--name=x names one model, but there are 2 bases"),
        (["{base}", "--host=nowhere.invalid"], "--host=nowhere.invalid is no address"),
        (["{base}", "--port=70000"], "--port=70000: expected an integer in the range"),
        (["{base}", "--max_batch_size=0"], "--max_batch_size=0: expected a positive integer"),
    ],
)
def test_bad_input_is_one_line(base, capsys, arguments, message):
    given = [argument.format(base=base) for argument in arguments]
    assert main(["serve", *given]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_missing_packages_are_named(base, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "aiohttp" else found(name)
    )
    assert main(["serve", str(base)]) == 2
    assert "aiohttp missing: pip install 'tftrain[serving]'" in capsys.readouterr().err
