"""Workers and their study: counts, failures, pruning, interruptions, twins, and going on."""

import optuna
import pytest
from optuna.trial import TrialState

from musicgen.search.findings import report
from musicgen.search.study import DUPLICATE_OF, this_worker, trials_left
from musicgen.search.trials import folder_name
from musicgen.training.pruning import PrunedRun
from tests.search.conftest import squares


def states(worker) -> list[str]:
    return [trial.state.name for trial in worker.study.get_trials()]


def test_a_study_ends_with_as_many_trials_as_asked_and_goes_on_where_it_was(make_worker):
    make_worker().work(3)
    worker = make_worker()
    worker.work(3)
    assert states(worker) == ["COMPLETE"] * 3
    worker.work(5)
    assert states(worker) == ["COMPLETE"] * 5
    folders = {trial.user_attrs["folder"] for trial in worker.study.trials}
    assert {path.name for path in worker.folder.iterdir()} == folders
    best = worker.study.best_trial
    assert best.value == pytest.approx((best.params["x"] - 0.3) ** 2 + float(best.params["n"]))


def test_failed_trials_are_not_counted_and_leave_their_story(make_worker):
    def fails_once(folder, values, watchers):
        if folder.name.startswith("0001"):
            raise RuntimeError("too hot")
        return squares(folder, values, watchers)

    worker = make_worker(fails_once)
    worker.work(3)
    assert states(worker) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    (error,) = worker.folder.glob("*/error.txt")
    assert "RuntimeError: too hot" in error.read_text()


def test_a_search_in_which_all_fails_ends(make_worker):
    def fails(folder, values, watchers):
        raise RuntimeError("no data")

    with pytest.raises(ValueError, match="the last 5 trials failed"):
        make_worker(fails).work(100)


def test_a_metric_that_no_run_has_ends_the_search_at_once(make_worker):
    worker = make_worker(metrics=["val/loss"])
    with pytest.raises(ValueError, match="no metric 'val/loss'"):
        worker.work(10)
    assert len(worker.study.trials) == 1


def test_an_interrupted_trial_goes_on_in_its_own_folder(make_worker):
    def interrupted(folder, values, watchers):
        squares(folder, values, watchers)
        if folder.name.startswith("0001") and (folder / "begun.txt").read_text() == ".":
            raise SystemExit(1)  # what Lightning makes of Ctrl-C
        return {"val/bce": 1.0}

    worker = make_worker(interrupted)
    with pytest.raises(KeyboardInterrupt):
        worker.work(3)
    assert states(worker) == ["COMPLETE", "FAIL", "WAITING"]
    make_worker(interrupted).work(3)
    assert states(worker) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    again = worker.study.trials[2]
    assert again.params == worker.study.trials[1].params
    assert (worker.folder / again.user_attrs["folder"] / "begun.txt").read_text() == ".."


def test_a_trial_whose_process_is_gone_is_taken_over_at_once(make_worker):
    worker = make_worker()
    left = worker.study.ask()
    for setting in worker.space:
        setting.draw(left)
    host = this_worker().rpartition(":")[0]
    left.set_user_attr("worker", f"{host}:{2**22 + 1}")  # no process has this number
    left.set_user_attr("folder", "0000,left")
    living = worker.study.ask()
    living.set_user_attr("worker", this_worker())
    worker.work(2)
    assert states(worker) == ["FAIL", "RUNNING", "COMPLETE"]
    assert worker.study.trials[2].user_attrs["folder"] == "0000,left"
    assert worker.study.trials[2].params == worker.study.trials[0].params
    assert trials_left(worker.study, 2) == 0


def test_a_trial_that_is_left_again_and_again_is_given_up(make_worker):
    def dies(folder, values, watchers):
        raise KeyboardInterrupt

    worker = make_worker(dies)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            worker.work(1)
    assert states(worker) == ["FAIL"] * 3
    assert len({str(trial.params) for trial in worker.study.trials}) == 1


def test_settings_that_were_tried_are_not_trained_again(make_worker):
    worker = make_worker()
    worker.work(1)
    worker.study.enqueue_trial(worker.study.trials[0].params)
    worker.work(2)
    assert worker.study.trials[1].values == worker.study.trials[0].values
    assert worker.study.trials[1].user_attrs[DUPLICATE_OF] == 0
    assert [path.read_text() for path in worker.folder.glob("*/begun.txt")] == [".", "."]


def test_hopeless_trials_are_pruned_by_what_they_report(make_worker):
    def reports(folder, values, watchers):
        (watcher,) = watchers
        worse = float(folder.name[:4])
        for epoch in range(1, 4):
            if watcher.should_prune(worse, epoch):
                raise PrunedRun(f"val/bce was {worse}")
        return {"val/bce": worse}

    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=2)
    worker = make_worker(reports, pruner=pruner)
    worker.work(5)
    assert states(worker) == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED", "PRUNED"]
    assert [len(trial.intermediate_values) for trial in worker.study.trials] == [3, 3, 2, 2, 2]
    assert (worker.folder / worker.study.trials[2].user_attrs["folder"] / "pruned.txt").is_file()


def test_two_metrics_give_a_front_and_are_not_pruned(make_worker):
    worker = make_worker(metrics=["val/bce", "model/parameters"], pruner=optuna.pruners.MedianPruner())
    worker.work(12)
    front = worker.study.best_trials
    assert 1 < len(front) < 12
    for one in front:
        assert not any(
            all(a <= b for a, b in zip(other.values, one.values, strict=True)) and other.values != one.values
            for other in worker.study.trials
        )


def test_a_study_keeps_its_metrics_and_settings(make_worker):
    make_worker(settings=["epochs=5", "data.root=/here"]).work(1)
    make_worker(settings=["data.root=/there", "threads=2", "trainer=gpu", "epochs=5"])
    with pytest.raises(ValueError, match="other settings: epochs=5, not epochs=6; use another study=NAME"):
        make_worker(settings=["epochs=6"])
    with pytest.raises(ValueError, match="other metrics: val/bce, not val/note_f1"):
        make_worker(metrics=["val/note_f1"], settings=["epochs=5"])


def test_a_trial_begins_before_the_time_is_over_or_not_at_all(make_worker):
    worker = make_worker()
    worker.work(3, max_minutes=0)
    assert all(trial.state == TrialState.COMPLETE for trial in worker.study.trials)
    assert len(worker.study.trials) < 3


def test_folders_say_what_is_turned_and_stay_short():
    values = {"optimizer.vq_vae.lr": "0.00123456789", "o@optimizer.vq_vae": "adamw", "x/y": "a/b"}
    assert folder_name(7, values) == "0007,lr=0.00123,vq_vae=adamw,x_y=a_b"
    assert len(folder_name(7, {f"k{n}": "v" * 20 for n in range(30)})) <= 120


def test_settings_are_trained_once_each_until_all_are(make_worker):
    worker = make_worker(knobs={"n": "1,2,3,4"})
    worker.work(3)
    assert len(list(worker.folder.iterdir())) == 3
    worker.work(20)
    runs = [path for path in worker.folder.iterdir() if (path / "begun.txt").read_text() == "."]
    assert len(runs) == 4
    assert {trial.params["n"] for trial in worker.study.trials} == {"1", "2", "3", "4"}
    trained = [trial for trial in worker.study.trials if DUPLICATE_OF not in trial.user_attrs]
    assert len(trained) == 4
    assert "Trials    4 complete" in report(worker.study, worker.objectives, folder=worker.folder.parent)


def test_a_setting_that_fails_does_not_keep_a_search_from_ending(make_worker):
    def fails_at_two(folder, values, watchers):
        if values == ["n=2"]:
            raise RuntimeError("too hot")
        return squares(folder, values, watchers)

    worker = make_worker(fails_at_two, knobs={"n": "1,2,3,4"})
    worker.work(20)
    assert sum(trial.state == TrialState.COMPLETE for trial in worker.study.trials) >= 3
    assert {trial.params["n"] for trial in worker.study.trials} == {"1", "2", "3", "4"}
