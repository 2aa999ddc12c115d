"""What a search is after: directions from the rules, distances where closer is better."""

import pytest

from musicgen.search.objectives import read_objectives


def test_directions_follow_the_rules_of_the_metrics():
    bits, notes = read_objectives(["val/bits_per_quarter", "vq_vae/val/note_f1"])
    assert (bits.direction, notes.direction) == ("minimize", "maximize")
    assert bits.value({"val/bits_per_quarter": 3.0}) == 3.0


def test_a_metric_that_should_come_close_is_minimised_in_its_distance():
    (one,) = read_objectives(["generated/polyphony"])
    assert one.direction == "minimize"
    assert one.value({"generated/polyphony": 3.0, "real/polyphony": 5.0}) == 2.0


def test_the_user_may_say_what_is_better():
    (one,) = read_objectives(["generated/polyphony"], {"generated/polyphony": "higher"})
    assert one.direction == "maximize"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "use one metric, or two"),
        (["a/bce", "b/bce", "c/bce"], "use one metric, or two"),
        (["baseline/pitch/bce"], "better direction of baseline/pitch/bce is unknown"),
    ],
)
def test_what_cannot_be_searched_for_is_refused(names, message):
    with pytest.raises(ValueError, match=message):
        read_objectives(names)


def test_a_metric_that_the_runs_do_not_have_offers_the_nearest():
    with pytest.raises(ValueError, match="did you mean bits_per_quarter"):
        read_objectives(["val/bits_per_quater"])
    (one,) = read_objectives(["vql_vae/val/bce"])
    with pytest.raises(ValueError, match="no metric 'vql_vae/val/bce'; nearest: vq_vae/val/bce"):
        one.value({"val/bits_per_quarter": 1.0, "vq_vae/val/bce": 0.1})
