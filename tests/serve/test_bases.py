import pytest

from tftrain.errors import BadInput
from tftrain.serve.bases import by_name


@pytest.fixture
def run_folder(tmp_path):
    run = tmp_path / "digits-mlp-1"
    (run / "saved_model" / "1").mkdir(parents=True)
    (run / "config.json").write_text("{}")
    return run


def config(base, *names):
    listed = " ".join(f'config {{ name: "{name}" base_path: "/models/{name}" }}' for name in names)
    (base / "models.config").write_text(f"model_config_list {{ {listed} }}")


def test_a_base_has_its_folder_s_name(tmp_path):
    base = tmp_path / "prices"
    base.mkdir()
    assert by_name([str(base)]) == {"prices": base}


def test_a_run_s_exports_have_the_run_s_name(run_folder):
    exports = run_folder / "saved_model"
    assert by_name([str(run_folder)]) == {"digits-mlp-1": exports}
    assert by_name([str(exports)]) == {"digits-mlp-1": exports}


def test_models_config_names_the_model(tmp_path):
    config(tmp_path, "digits")
    assert by_name([str(tmp_path)]) == {"digits": tmp_path}


def test_of_several_models_the_folder_s_own_is_taken(tmp_path):
    base = tmp_path / "b"
    base.mkdir()
    config(base, "a", "b")
    assert by_name([str(base)]) == {"b": base}
    config(base, "c", "d")
    with pytest.raises(BadInput, match="serves c, d: say which by the name, or by a base_path"):
        by_name([str(base)])


def test_a_name_on_the_command_line_goes_before_all(tmp_path):
    config(tmp_path, "digits")
    assert by_name([str(tmp_path)], "mine") == {"mine": tmp_path}


def test_what_is_no_base_is_refused(tmp_path, run_folder):
    version = tmp_path / "base" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"")
    (run_folder / "saved_model" / "1").rmdir()
    (run_folder / "saved_model").rmdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "models.config").write_text("model {")
    for given, message in (
        ([tmp_path / "none"], "is not a folder"),
        ([version / "saved_model.pb"], "is not a folder"),
        ([version], "is one version: serve the folder of versions"),
        ([run_folder], "has no export: tftrain export"),
        ([tmp_path, tmp_path], "are both named"),
        ([tmp_path / "broken"], "is no list of models"),
    ):
        with pytest.raises(BadInput, match=message):
            by_name([str(path) for path in given])
    with pytest.raises(BadInput, match="--name=x names one model, but there are 2 bases"):
        by_name([str(tmp_path), str(version)], "x")
