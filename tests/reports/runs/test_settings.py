"""What differs between runs, and the names made of it."""

from pathlib import Path

import pytest

from musicgen.reports.runs.differences import differing_settings, run_names
from musicgen.reports.runs.runs import Run
from musicgen.reports.runs.settings import settings_of, value_text
from tests.reports.run_folders import a_run


def test_only_settings_that_differ_are_named():
    runs = [a_run("a", epochs=5, width=8, seed=0), a_run("b", epochs=10, width=8, seed=0)]
    (setting,) = differing_settings(runs)
    assert (setting.key, setting.values) == ("epochs", (5, 10))
    assert run_names(runs, [setting]) == ("epochs=5", "epochs=10")


def test_places_and_watching_are_no_difference():
    a = a_run(
        "a", name="x", run_dir="/a", threads=1, data__cache_dir="/a/c", data__num_workers=2, logger__x=1
    )
    b = a_run(
        "b", name="y", run_dir="/b", threads=2, data__cache_dir="/b/c", data__num_workers=4, logger__x=2
    )
    assert differing_settings([a, b]) == ()
    assert run_names([a, b], ()) == ("a", "b")


def test_a_run_moved_to_another_machine_is_the_same():
    a, b = a_run(data__root="/home/anna/giantmidi"), a_run(data__root="D:\\music\\giantmidi")
    assert differing_settings([a, b]) == ()
    assert differing_settings([a, a_run(data__root="/home/anna/other")])[0].shown == ("giantmidi", "other")


def test_what_follows_from_another_setting_is_not_a_second_difference():
    runs = [
        a_run(epochs=n, max_epochs__vq_vae="${epochs}", max_epochs__transformer="${epochs}") for n in (5, 10)
    ]
    assert [setting.key for setting in differing_settings(runs)] == ["epochs"]


def test_a_config_group_stands_for_what_it_brings():
    ema = Run(
        Path("a"),
        "done",
        "",
        {"quantizer": {"_target_": "m.VQ", "decay": 0.9, "k": 16}},
        {"quantizer": "ema"},
    )
    gradient = Run(
        Path("b"),
        "done",
        "",
        {"quantizer": {"_target_": "m.Gradient", "k": 64}},
        {"quantizer": "gradient"},
        ("quantizer=gradient", "quantizer.k=64"),
    )
    assert [setting.label for setting in differing_settings([ema, gradient])] == ["quantizer", "k"]
    assert run_names([ema, gradient], differing_settings([ema, gradient])) == (
        "quantizer=ema k=16",
        "quantizer=gradient k=64",
    )


def test_ambiguous_last_parts_are_written_in_full():
    runs = [a_run(vq_vae__width=n, transformer__width=n, batch_size__vq_vae=n, data__title=n) for n in (1, 2)]
    assert [setting.label for setting in differing_settings(runs)] == [
        "vq_vae.width",
        "transformer.width",
        "batch_size.vq_vae",
        "title",
    ]


def test_runs_without_a_configuration_do_not_make_everything_differ():
    runs = [a_run("a", epochs=5, seed=1), a_run("b", epochs=10, seed=1), a_run("c")]
    (setting,) = differing_settings(runs)
    assert setting.texts == ("5", "10", "–")


def test_equal_runs_are_told_apart_by_their_folders():
    runs = [a_run("x/0", epochs=5), a_run("y/0", epochs=5), a_run("z/1", epochs=6)]
    assert run_names(runs, differing_settings(runs)) == ("epochs=5 (x/0)", "epochs=5 (y/0)", "epochs=6")


def test_numbers_written_in_two_ways_are_one_value():
    assert settings_of(a_run(lr="1e-3"))["lr"] == 0.001
    assert differing_settings([a_run(lr="1e-3"), a_run(lr=0.001)]) == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        (0.0003, "0.0003"),
        (["Chopin", "Liszt"], "[Chopin, Liszt]"),
        ("a\nb\x1b", "a b\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_values_are_written_in_one_line(value, text):
    assert value_text(value) == text


def test_long_values_are_shortened_and_stay_different():
    long = "a" * 40
    values = [f"{long}1", f"{long}2", f"b{long}b{long}", f"b{long}c{long}", "short"]
    (setting,) = differing_settings([a_run(str(index), title=value) for index, value in enumerate(values)])
    assert len(set(setting.texts)) == 5
    assert max(map(len, setting.texts)) <= 32
    assert setting.texts[-1] == "short"
    assert len(set(run_names([a_run(title=value) for value in values], [setting]))) == 5


def test_numbers_that_were_drawn_are_shown_short_where_they_stay_distinct():
    (setting,) = differing_settings([a_run("a", lr=0.0012345678), a_run("b", lr=0.0023456789)])
    assert setting.texts == ("0.001235", "0.002346")
    (setting,) = differing_settings([a_run("a", lr=0.00123456), a_run("b", lr=0.00123457)])
    assert setting.texts == ("0.00123456", "0.00123457")
