"""Links by which TensorBoard shows short names."""

from musicgen.reports.runs.board_links import link_runs
from musicgen.reports.runs.runs import load_runs
from tests.reports.run_folders import make_run


def test_runs_are_linked_by_what_sets_them_apart(tmp_path):
    for epochs in (5, 10):
        make_run(tmp_path / "sweep" / f"job-{epochs}", overrides={"epochs": epochs, "data.title": "a/b"})
    make_run(tmp_path / "sweep" / "silent", overrides={"epochs": 20, "data.title": "a/b"}, curves=False)
    links = tmp_path / "links"
    links.mkdir()
    assert link_runs(load_runs(tmp_path / "sweep"), links) == ["1 epochs=5", "2 epochs=10"]
    assert list((links / "1 epochs=5").glob("events.out.tfevents.*"))
    later = tmp_path / "sweep" / "job-10" / "tensorboard" / "events.out.tfevents.later"
    later.touch()
    assert (links / "2 epochs=10" / later.name).exists()


def test_names_from_outside_stay_one_folder(tmp_path):
    for number, title in enumerate(("../../x", "a\\b")):
        make_run(tmp_path / "runs" / str(number), overrides={"vq_vae.kind": title})
    links = tmp_path / "links"
    links.mkdir()
    names = link_runs(load_runs(tmp_path / "runs"), links)
    assert len(names) == 2
    assert sorted(path.name for path in links.iterdir()) == sorted(names)


def test_ten_runs_sort_by_their_numbers(tmp_path):
    for number in range(10):
        make_run(tmp_path / "runs" / str(number), overrides={"epochs": number + 1})
    links = tmp_path / "links"
    links.mkdir()
    names = link_runs(load_runs(tmp_path / "runs"), links)
    assert names == sorted(names)
    assert names[-1] == "10 epochs=10"
