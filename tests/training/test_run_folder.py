import pytest

from tftrain.errors import BadInput, RunFolderError
from tftrain.training import RunFolder


def make(path):
    run = RunFolder.create(path)
    run.write_json(run.config, {"epochs": 1})
    return run


def test_create_makes_parents(tmp_path):
    assert RunFolder.create(tmp_path / "a" / "b").path.is_dir()


def test_an_existing_folder_is_refused_with_three_ways_on(tmp_path):
    make(tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"another --out, --overwrite .* or --resume"):
        RunFolder.create(tmp_path / "run")


def test_numbers_go_up(tmp_path):
    names = [RunFolder.create_numbered(tmp_path, "digits-mlp").path.name for _ in range(3)]
    assert names == ["digits-mlp-1", "digits-mlp-2", "digits-mlp-3"]


def test_an_overwritten_run_stays_until_the_new_one_is_whole(tmp_path):
    make(tmp_path / "run").metrics.write_text("old\n")
    new = RunFolder.create(tmp_path / "run", overwrite=True)
    assert (tmp_path / "run.previous" / "metrics.jsonl").read_text() == "old\n"
    assert list(new.path.iterdir()) == []
    new.discard_previous()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_set_aside_earlier_is_not_touched(tmp_path):
    make(tmp_path / "run")
    make(tmp_path / "run.previous")
    RunFolder.create(tmp_path / "run", overwrite=True).discard_previous()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.previous"]


def test_overwrite_refuses_what_is_no_run(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(RunFolderError, match="not a run folder"):
        RunFolder.create(tmp_path / "photos", overwrite=True)
    assert (tmp_path / "photos").is_dir()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be made"):
        RunFolder.create(tmp_path / "file" / "run")


def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunFolderError, match="cannot be made"):
        RunFolder.create_numbered(tmp_path / "runs", "digits-mlp")


def test_overwriting_through_a_link_replaces_its_target(tmp_path):
    make(tmp_path / "run")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    run = RunFolder.create(tmp_path / "link", overwrite=True)
    run.discard_previous()
    assert run.path == tmp_path / "run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "run"]


def test_a_folder_is_locked_for_one_process(tmp_path):
    run = make(tmp_path / "run")
    with run.locked(), pytest.raises(RunFolderError, match="another process is training"):  # noqa: SIM117
        with RunFolder(run.path).locked():
            pass
    with run.locked():
        pass


@pytest.mark.parametrize("status", ["interrupted", "running"])
def test_an_unfinished_run_s_older_model_is_not_taken(tmp_path, status):
    run = make(tmp_path / "run")
    run.model.write_text("")
    run.write_json(run.result, {"status": status})
    with pytest.raises(RunFolderError, match=f"the run is {status}"):
        run.require_model()


def test_damaged_files_are_named(tmp_path):
    run = make(tmp_path / "run")
    run.metrics.write_text("nonsense\n")
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl is damaged"):
        run.read_metrics()
    run.config.write_text("[]")
    with pytest.raises(RunFolderError, match=r"config\.json holds list"):
        run.read_config()


def test_open_refuses_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder.open(tmp_path / "file")


def test_open_refuses_what_is_missing_or_no_run(tmp_path):
    with pytest.raises(RunFolderError, match="does not exist"):
        RunFolder.open(tmp_path / "none")
    with pytest.raises(RunFolderError, match=r"holds no config\.json"):
        RunFolder.open(tmp_path)


def test_a_damaged_config_is_named(tmp_path):
    run = make(tmp_path / "run")
    run.config.write_text("{")
    with pytest.raises(RunFolderError, match=r"config\.json cannot be read"):
        run.read_config()


def test_a_metrics_line_cut_short_is_left_out(tmp_path):
    run = make(tmp_path / "run")
    run.metrics.write_text('{"epoch": 1}\n{"epoch": 2}\n{"epo')
    assert run.read_metrics() == [{"epoch": 1}, {"epoch": 2}]


def test_keep_metrics_drops_what_will_be_written_again(tmp_path):
    run = make(tmp_path / "run")
    run.metrics.write_text('{"epoch": 1}\n{"epoch": 2}\n')
    run.keep_metrics(1)
    assert run.metrics.read_text() == '{"epoch": 1}\n'


def test_unfinished_runs_say_how_to_finish(tmp_path):
    run = make(tmp_path / "run")
    assert run.read_result() == {"status": "unfinished"}
    with pytest.raises(RunFolderError, match="tftrain train --resume"):
        run.require_model()


def test_an_empty_folder_is_taken(tmp_path):
    assert RunFolder.create(tmp_path).path == tmp_path


def test_sections_of_an_evaluation_join_those_of_before(tmp_path):
    run = make(tmp_path / "run")
    assert run.read_evaluation() == {}
    run.add_evaluation(quality={"accuracy": 0.5})
    run.add_evaluation(speed={"startup": 1.0})
    run.add_evaluation(quality={"accuracy": 0.75})
    assert run.read_evaluation() == {"quality": {"accuracy": 0.75}, "speed": {"startup": 1.0}}


def test_an_evaluation_is_dropped_with_its_pictures(tmp_path):
    run = make(tmp_path / "run")
    run.add_evaluation(quality={"accuracy": 0.5})
    run.pictures["speed"].write_bytes(b"of the model of before")
    run.drop_evaluation()
    assert run.read_evaluation() == {}
    assert [path.name for path in run.path.iterdir()] == ["config.json"]


def test_a_damaged_evaluation_is_named_with_the_way_on(tmp_path):
    run = make(tmp_path / "run")
    for content in ('{"qual', "[]", '{"quality": 3}'):
        run.evaluation.write_text(content)
        with pytest.raises(RunFolderError, match=r"evaluation\.json.*remove it.*tftrain evaluate"):
            run.read_evaluation()


def test_a_result_without_a_status_is_named(tmp_path):
    run = make(tmp_path / "run")
    run.result.write_text("{}")
    with pytest.raises(RunFolderError, match=r"result\.json .* status"):
        run.require_model()


def test_a_model_that_was_removed_is_missed(tmp_path):
    run = make(tmp_path / "run")
    run.write_json(run.result, {"status": "finished"})
    with pytest.raises(RunFolderError, match=r"model\.keras is missing; .*--resume"):
        run.require_model()


def refuse(run):
    run.write_json(run.config, {"epochs": 2})
    with pytest.raises(BadInput), run.gone_if_refused():
        raise BadInput("a layer that the strategy cannot run")


def test_a_refused_training_leaves_no_run(tmp_path):
    refuse(RunFolder.create_numbered(tmp_path, "digits-mlp"))
    assert list(tmp_path.iterdir()) == []


def test_a_refused_training_gives_back_what_it_was_to_overwrite(tmp_path):
    make(tmp_path / "run").metrics.write_text("old\n")
    refuse(RunFolder.create(tmp_path / "run", overwrite=True))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == "old\n"


def test_a_run_that_was_there_before_is_kept_when_going_on_is_refused(tmp_path):
    make(tmp_path / "run")
    refuse(RunFolder.open(tmp_path / "run"))
    assert (tmp_path / "run" / "config.json").is_file()


@pytest.mark.parametrize("work", ["metrics.jsonl", "checkpoints/step-000000041/weights"])
def test_what_was_trained_before_a_refusal_is_kept(tmp_path, work):
    run = RunFolder.create(tmp_path / "run")
    (run.path / work).parent.mkdir(parents=True, exist_ok=True)
    (run.path / work).write_text("{}\n")
    refuse(run)
    assert (run.path / work).is_file()
