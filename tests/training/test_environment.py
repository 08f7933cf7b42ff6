from tftrain.training import environment


def test_every_package_has_a_version_or_is_called_missing(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("keras", "no-such-package"))
    described = environment.describe()
    assert described["keras"][0] == "3"
    assert described["no-such-package"] == "missing"
    assert described["python"].count(".") == 2
