"""A script's entry: what it accepts, what it prints, what it exits with."""

import json

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

from tftrain import app
from tftrain.errors import BadInput, DataError, TftrainError


@pytest.fixture(autouse=True)
def _flags():
    """Flags defined while a test runs are gone after it."""
    with flagsaver.flagsaver():
        yield


def exit_of(main, *arguments):
    with pytest.raises(SystemExit) as ended:
        app.run(main, ["folder/script.py", *arguments])
    return ended.value.code


def raising(error):
    def main(argv):
        raise error

    return main


def test_main_runs_with_its_flags_set():
    size = flags.DEFINE_integer("size", 1, "for this test")
    seen = []
    assert exit_of(lambda argv: seen.append((argv, size.value)), "--size=3") is None
    assert seen == [(["folder/script.py"], 3)]


def test_bad_input_is_one_line_and_2(capsys):
    assert exit_of(raising(DataError("no such file:\n  mnist.npz"))) == 2
    assert capsys.readouterr().err == "script.py: no such file: mnist.npz\n"


def test_a_failure_is_one_line_and_1(capsys):
    assert exit_of(raising(TftrainError("diverged"))) == 1
    assert capsys.readouterr().err == "script.py: diverged\n"


def test_an_interrupt_is_130():
    assert exit_of(raising(KeyboardInterrupt())) == 130


def test_a_fault_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        app.run(raising(ZeroDivisionError()), ["script.py"])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--sizes=3", "Unknown command line flag 'sizes'"),
        ("--size=0", "0 is not a positive integer"),
        ("--size=big", "--size"),
        ("digits", "unexpected argument 'digits'"),
    ],
)
def test_wrong_arguments_are_one_line_and_2(argument, message, capsys):
    flags.DEFINE_integer("size", 1, "for this test", lower_bound=1)
    assert exit_of(raising(AssertionError("must not run")), argument) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("script.py: ")
    assert error.count("\n") == 1


def test_output_folder_is_made_and_may_exist(tmp_path):
    for _ in range(2):
        assert app.output_folder(tmp_path / "a" / "b").is_dir()


def test_output_folder_must_not_be_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="file cannot be made a folder"):
        app.output_folder(tmp_path / "file")


@pytest.mark.parametrize(("arguments", "shown"), [([], False), (["--verbosity=0"], True)])
def test_reports_of_libraries_are_shown_only_on_request(python, arguments, shown):
    report = "import tftrain; from absl import logging; "
    report += f"tftrain.app.run(lambda _: logging.info('report'), ['script.py', *{arguments!r}])"
    done = python(report)
    assert done.returncode == 0, done.stderr
    assert ("report" in done.stderr) is shown


def test_tftrain_before_keras_chooses_tensorflow(python, tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    done = python("import tftrain, keras; print(keras.backend.backend())", KERAS_HOME=str(tmp_path))
    assert done.stdout == "tensorflow\n", done.stderr


def test_another_backend_is_refused(python):
    done = python("import tftrain; tftrain.app.run(print, ['script.py'])", KERAS_BACKEND="jax")
    assert done.returncode == 2
    assert done.stderr.startswith("script.py: KERAS_BACKEND is 'jax'")
    assert done.stdout == ""


def test_a_result_replaces_the_one_before(tmp_path):
    app.write_result(tmp_path, {"test accuracy": np.float32(0.5)})
    path = app.write_result(tmp_path, {"test accuracy": np.float32(0.25), "loss": 1})
    assert json.loads(path.read_text()) == {"test accuracy": 0.25, "loss": 1.0}
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]


def test_a_figure_that_is_not_finite_is_refused_by_name(tmp_path):
    with pytest.raises(TftrainError, match="loss is nan; expected a finite number"):
        app.write_result(tmp_path, {"accuracy": 0.1, "loss": float("nan")})
    assert not list(tmp_path.iterdir())
