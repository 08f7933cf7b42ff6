import pytest

from tftrain.errors import BadInput, ConfigError, TftrainError, UnknownName


def test_unknown_name_lists_the_known_and_suggests_the_nearest():
    message = str(UnknownName("optimizer", "adm", ["sgd", "adam"]))
    assert message == "unknown optimizer 'adm'; did you mean 'adam'? Known: adam, sgd"


def test_unknown_name_suggests_nothing_far_off():
    assert str(UnknownName("model", "zzz", ["mlp"])) == "unknown model 'zzz'. Known: mlp"


def test_the_beginning_of_a_long_name_is_enough_for_a_suggestion():
    message = str(UnknownName("flag", "memory", ["memory_per_device", "seed"]))
    assert "did you mean 'memory_per_device'?" in message


def test_config_error_keeps_every_problem():
    error = ConfigError(["one", "two"])
    assert error.problems == ("one", "two")
    assert str(error) == "one; two"


@pytest.mark.parametrize(("kind", "code"), [(TftrainError, 1), (BadInput, 2), (ConfigError, 2)])
def test_exit_codes(kind, code):
    assert kind.exit_code == code
