import dataclasses
import json

import pytest
import yaml

from tftrain.errors import BadInput, ConfigError
from tftrain.training import TrainConfig, read_file, resolve


def problems(file=(), flags=()):
    with pytest.raises(ConfigError) as caught:
        resolve(dict(file), dict(flags))
    return caught.value.problems


def test_flags_override_the_file_which_overrides_defaults():
    config = resolve({"model": "cnn", "epochs": 3}, {"epochs": 4})
    assert (config.model, config.epochs, config.batch_size) == ("cnn", 4, 32)


def test_another_strategy_leaves_out_what_the_file_asks_of_its_own():
    file = {"strategy": "model_parallel", "mesh": "batch=1,model=2", "layout": "mlp", "epochs": 3}
    assert resolve(file, {"strategy": "one"}) == resolve({"strategy": "one", "epochs": 3}, {})
    (problem,) = problems(file | {"stages": 2}, {"strategy": "one"})
    assert problem.startswith("stages=2 with strategy 'one'")


def test_a_run_s_config_resolves_to_itself():
    config = TrainConfig(model="rnn", learning_rate=0.1)
    assert resolve({**dataclasses.asdict(config), "environment": {"python": "3"}}, {}) == config


def test_every_problem_is_reported_at_once():
    found = problems(flags={"model": "x", "dataset": "x1", "optimizer": "y", "epochs": 0})
    assert len(found) == 4


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"modle": "cnn"}, "unknown setting 'modle'; did you mean 'model'?"),
        ({"epochs": "3"}, "epochs is '3'; expected int"),
        ({"epochs": True}, "epochs is True; expected int"),
        ({"epochs": None}, "epochs is None; expected int"),
        ({"epochs": -1}, "epochs is -1; expected a positive number"),
        ({"batch_size": 0}, "batch_size is 0; expected a positive number"),
        ({"learning_rate": 0}, "learning_rate is 0; expected a positive number"),
        ({"learning_rate": float("inf")}, "learning_rate is inf"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"seed": -1}, "seed is -1; expected 0 to"),
        ({"model": 3}, "model is 3; expected str"),
        ({"optimizer": "adm"}, "did you mean 'adam'?"),
        ({"batch_size": 10**20}, "expected less than"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; expected float"),
        ({"gradient_codec": "int9"}, "unknown gradient codec 'int9'; did you mean 'int8'?"),
        ({"gradient_codec": "topk:2"}, "the fraction of top-k is 2.0"),
        ({"gradient_codec": "int8", "strategy": "ps"}, "'int8' with strategy='ps'"),
        ({"gradient_codec": "int8", "sync_every": 4}, "'int8' with sync_every=4"),
        ({"gradient_codec_warmup": -1}, "gradient_codec_warmup is -1"),
        ({"nan_guard": "skp"}, "unknown nan_guard 'skp'; did you mean 'skip'"),
        ({"nan_guard": "roll_back", "warmup": "5%"}, "nan_guard='roll_back' lowers the learning"),
        ({"nan_guard": "skip", "strategy": "ps"}, "nan_guard judges a step of all workers"),
    ],
)
def test_a_wrong_setting_is_named(setting, message):
    (problem,) = problems(setting)
    assert message in problem


@pytest.mark.parametrize("dump", [json.dumps, yaml.safe_dump])
def test_json_and_yaml_files_are_read(tmp_path, dump):
    path = tmp_path / "config"
    path.write_text(dump({"epochs": 2, "learning_rate": 0.5}))
    assert read_file(path) == {"epochs": 2, "learning_rate": 0.5}


@pytest.mark.parametrize("text", ["learning_rate: 1e-5", '{"learning_rate": 1e-05}'])
def test_small_numbers_are_numbers_in_either_form(tmp_path, text):
    (tmp_path / "config").write_text(text)
    assert resolve(read_file(tmp_path / "config"), {}).learning_rate == 1e-5


def test_json_may_be_indented_with_tabs(tmp_path):
    (tmp_path / "config").write_text('{\n\t"epochs": 2\n}')
    assert read_file(tmp_path / "config") == {"epochs": 2}


def test_a_data_folder_is_recorded_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for given in ("data", "~/data"):
        assert resolve({"data_dir": given}, {}).data_dir == str(tmp_path / "data")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": ', "neither JSON nor YAML"),
        (b"\xff\xfe\x00", "neither"),
        (b"3", "holds int"),
        (b"", "holds nothing"),
        (b"seed: 2020-13-45", "neither"),
        (b"[" * 5000, "neither"),
    ],
)
def test_unreadable_files_are_refused(tmp_path, content, message):
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_file(tmp_path / "config")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"none\.yaml cannot be read: No such file"):
        read_file(tmp_path / "none.yaml")
