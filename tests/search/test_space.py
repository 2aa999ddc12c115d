"""Knobs in Hydra's grammar: what they draw is what a sweep of the command line would take."""

import optuna
import pytest

from musicgen.search.space import Choice, FloatRange, IntRange, is_sweep, read_space


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("16,32,64", Choice("k", ("16", "32", "64"))),
        ("choice(ema, gradient)", Choice("k", ("ema", "gradient"))),
        ("[1,2],[3]", Choice("k", ("[1,2]", "[3]"))),
        ("range(1,10,step=4)", IntRange("k", 1, 9, step=4)),
        ("range(0,1,0.5)", Choice("k", ("0.0", "0.5"))),
        ("interval(1,5)", FloatRange("k", 1.0, 5.0)),
        ("int(interval(32,256))", IntRange("k", 32, 256)),
        ("tag(log,interval(1e-4,1e-2))", FloatRange("k", 1e-4, 1e-2, log=True)),
        ("tag(log,int(interval(8,64)))", IntRange("k", 8, 64, log=True)),
    ],
)
def test_a_setting_reads_the_syntax_of_sweeps(text, setting):
    assert read_space({"k": text}) == (setting,)
    assert is_sweep(f"k={text}")


@pytest.mark.parametrize("text", ["5", "5,5", "interval(5,1)", "tag(log,interval(0,1))", "[1,2]", "a,,b("])
def test_what_leaves_no_choice_is_refused_with_the_grammar(text):
    with pytest.raises(ValueError, match=r"k.*; use a,b,c"):
        read_space({"k": text})


def test_an_empty_search_space_is_refused():
    with pytest.raises(ValueError, match="search space is empty; give settings as in a sweep"):
        read_space({})


def test_values_are_drawn_inside_their_bounds_and_are_what_the_study_keeps():
    texts = {"a": "1,2", "b": "range(2,9,3)", "c": "interval(0.5,0.6)", "o@o.vq_vae": "adam,adamw"}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = []
    for _ in range(30):
        trial = study.ask()
        drawn.append({setting.key: setting.draw(trial) for setting in read_space(texts)})
        assert {key: str(value) for key, value in trial.params.items()} == drawn[-1]
    assert {one["a"] for one in drawn} == {"1", "2"}
    assert {one["b"] for one in drawn} == {"2", "5", "8"}
    assert all(0.5 <= float(one["c"]) <= 0.6 for one in drawn)
