"""The plan of a sweep: what is trained, counted as the runs will share it, and how long that takes."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf, open_dict

from musicgen.config.tree import config_dir
from musicgen.data.catalogue.pieces import Piece
from musicgen.data.prepare import Prepared
from musicgen.data.store.packed import PackedPieces
from musicgen.pipeline.status import running
from musicgen.sweeps.plan import jobs
from musicgen.sweeps.plan.plan import plan_text, time_text
from musicgen.sweeps.plan.timing import Timed
from musicgen.sweeps.plan.works import Work, beside_training, remember_extent, shape_key, to_train

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
SMALL = ["vq_vae.num_hiddens=8", "transformer.num_heads=2", "transformer.num_layers=1"]


@pytest.fixture(autouse=True)
def hydra() -> Iterator[None]:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield


@cache
def usual() -> DictConfig:
    return compose("train", ["run_dir=here"])


def composed(*overrides: str) -> DictConfig:
    """Give a job's config, quickly: settings alone, no other choice of a group."""
    config = usual().copy()
    for key, value in (one.split("=") for one in overrides):
        OmegaConf.update(config, key, yaml.safe_load(value))
    return config


def remember(config: DictConfig) -> None:
    """Let the pieces of a config be prepared: a hundred quarters to train on, forty held out."""
    piece = Piece(Path(), "", *[""] * 4)
    splits = {
        name: PackedPieces(np.zeros((number, 88), np.uint32), starts=np.array([0, number]), pieces=[piece])
        for name, number in (("train", 100), ("val", 40))
    }
    remember_extent(config, Prepared([], splits, {}))


def counts(works: list[Work]) -> tuple[int, ...]:
    return tuple(sum(work.stage == stage for work in works) for stage in ("vq_vae", "transformer"))


@pytest.mark.parametrize(
    ("knob", "expected"),
    [
        ("transformer.width=16,32", (1, 2)),
        ("optimizer.transformer.lr=1e-3,1e-4", (1, 2)),
        ("max_epochs.transformer=1,2", (1, 2)),
        ("windows.hop_quarters=1,2", (1, 2)),
        ("quantizer.num_embeddings=16,32", (2, 2)),
        ("max_epochs.vq_vae=1,2", (2, 2)),
        ("epochs=1,2", (2, 2)),
        ("seed=0,1", (2, 2)),
        ("data.max_pieces=3,4", (2, 2)),
        ("sampling.temperature=0.8,0.9", (1, 1)),
        ("generate.num_pieces=1,2", (1, 1)),
    ],
)
def test_a_stage_counts_once_for_all_jobs_that_share_it(knob: str, expected: tuple[int, ...]):
    key, _, values = knob.partition("=")
    configs = [composed(f"{key}={value}") for value in values.split(",")]
    assert counts(to_train(configs)) == expected


def test_each_job_generates_and_evaluates_for_itself(tmp_path: Path):
    configs = [composed(f"data.cache_dir={tmp_path}", f"sampling.temperature={t}") for t in (0.8, 0.9)]
    assert beside_training(configs) == []  # nothing is known of the pieces yet
    remember(configs[0])
    works = beside_training([*configs, composed(f"data.cache_dir={tmp_path}", "stages=[vq_vae]")])
    assert [work.stage for work in works] == ["generate", "evaluate"] * 2
    drawn, measured, other_drawn, measured_again = [work.shape for work in works]
    assert drawn != other_drawn
    assert measured == measured_again


def test_only_the_stages_that_are_asked_for_count():
    configs = [composed(f"transformer.width={width}", "stages=[vq_vae,evaluate]") for width in (16, 32)]
    assert counts(to_train(configs)) == (1, 0)


def test_jobs_that_take_nothing_from_others_train_all_of_their_own():
    configs = [composed(f"transformer.width={width}", "reuse=false") for width in (16, 32)]
    assert counts(to_train(configs)) == (2, 2)


def test_steps_are_batches_of_all_epochs(tmp_path: Path):
    settings = [f"data.cache_dir={tmp_path}", "epochs=10", "windows.hop_quarters=4"]
    assert [work.steps for work in to_train([composed(*settings)])] == [None, None]
    remember(composed(*settings))
    held_out = 10 * 3 / 3  # batches of all epochs, 3 of 16 quarters or 4 windows, each a third of an update
    assert [work.steps for work in to_train([composed(*settings)])] == [
        70 + held_out,  # 100 quarters in batches of 16: 7 an epoch
        70 + held_out,  # 25 windows: 7 an epoch
    ]
    fewer = composed(*settings, "updates_per_epoch.vq_vae=3")
    assert [work.steps for work in to_train([fewer])] == [30 + held_out, 70 + held_out]
    assert to_train([composed(*settings, "data.max_pieces=3")])[0].steps is None  # other pieces


def test_equal_shapes_are_timed_once():
    base = shape_key(composed(), "vq_vae")
    assert shape_key(composed("seed=7"), "vq_vae") == base
    assert shape_key(composed("windows.window_quarters=8"), "vq_vae") == base
    for other in ("batch_size.vq_vae=8", "vq_vae.num_hiddens=64", "trainer.precision=32-true"):
        assert shape_key(composed(other), "vq_vae") != base
    windows = [shape_key(composed(f"windows.window_quarters={number}"), "transformer") for number in (8, 12)]
    assert windows[0] != windows[1]


EXPERIMENTS = [
    pytest.param(path.stem, marks=[] if path.stem == "epochs_5_vs_10" else pytest.mark.gate)
    for path in sorted((config_dir() / "experiment").glob("*.yaml"))
]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_plans(experiment: str, tmp_path: Path):
    small = [*SMALL, "vq_vae.num_residual_hiddens=4", "transformer.width=8", "quantizer.embedding_dim=8"]
    small += ["batch_size.vq_vae=2", "batch_size.transformer=2", f"data.cache_dir={tmp_path}", "trainer=fp32"]
    text = plan_text(sweep_config(tmp_path), [[f"experiment={experiment}", *small]], budget_s=1e-9)
    assert text.startswith(("1 jobs: 1 VQ-VAE and 1 transformer", "1 jobs: 1 VQ-VAE, 1 transformer"))
    assert "s a step of the VQ-VAE" in text or "Time: about" in text


class Clock(Timed):
    """Stands for timed steps: a quarter of a second each of the VQ-VAE, a tenth of the transformer."""

    def __init__(self) -> None:
        super().__init__(threads=1, budget_s=1.0)

    def step_s(self, work: Work) -> float | None:
        return {"vq_vae": 0.25, "transformer": 0.1, "generate": 9.0, "evaluate": 4.0}.get(work.stage)


def test_the_time_is_that_of_each_stage_once():
    config = OmegaConf.create()
    works = [Work("vq_vae", "VQ-VAE", config, "", 100), Work("transformer", "Transformer", config, "", 60)]
    assert time_text(works, Clock(), share=1.0) == "Time: about 31 s (training 31 s; timed now)"
    assert "about 62 s (" in time_text(works, Clock(), share=2.0)  # of twice as many jobs
    names = ("generate", "evaluate", "evaluate", "own")
    works += [Work(name, name, config, "", 1, trains=False) for name in names]
    whole = "Time: about 48 s (training 31 s, generate 9 s, evaluate 8 s, own 0 s; timed now), without own"
    assert " ".join(time_text(works, Clock(), share=1.0).split()) == whole.replace(", own 0 s", "")
    two = time_text([*works, Work("transformer", "Transformer", config, "", None)], Clock(), share=1.0)
    assert "250 ms a step of the VQ-VAE, 100 ms a step of the transformer" in two


def sweep_config(folder: Path, *, resume: str | None = None) -> DictConfig:
    config = composed(*SMALL)
    with open_dict(config):
        config.hydra = {"sweep": {"dir": str(folder)}, "launcher": {"_target_": BASIC}}
        config.resume = resume
    return config


@pytest.mark.parametrize(
    "job",
    [
        ["seed=3", "epochs=7", "quantizer=gradient", "data.title='a, b'"],
        ["optimizer@optimizer.vq_vae=adamw", "+trainer.max_steps=5", "~callbacks.bar"],
        ["data.composer=[Chopin,Liszt]", "init_from=null", "experiment=sizes", "vq_vae.num_hiddens=32"],
    ],
)
def test_configs_are_those_that_hydra_composes(job: list[str]):
    (config,) = jobs.composed([job])
    assert config == compose("train", [*job, "run_dir=''"])


def test_a_plan_says_what_there_is_to_do(tmp_path: Path):
    asked = [[*SMALL, f"transformer.width={width}"] for width in (8, 16, 24)]
    first, *lines = plan_text(sweep_config(tmp_path), asked, budget_s=0).splitlines()
    assert first == "3 jobs: 1 VQ-VAE and 3 transformers to train"
    assert all(len(line) <= 80 for line in lines)
    shapes = [line for line in lines if not line.startswith("    ")]
    jobs = [word for line in lines for word in line.split() if "=" in word]
    assert (len(shapes), jobs) == (3, [f"transformer.width={width}" for width in (8, 16, 24)])


def test_a_resumed_sweep_counts_what_is_left(tmp_path: Path):
    asked = [[*SMALL, f"seed={seed}", "threads=2", "resume=there"] for seed in (0, 1, 2)]
    for seed in (0, 1):
        with running(tmp_path / f"seed={seed}"):
            (tmp_path / f"seed={seed}" / ".hydra").mkdir()
            OmegaConf.save([*SMALL, f"seed={seed}"], tmp_path / f"seed={seed}" / ".hydra" / "overrides.yaml")
    text = plan_text(sweep_config(tmp_path, resume=str(tmp_path)), asked, budget_s=0)
    assert text.startswith("3 jobs, 2 of them done: 1 VQ-VAE and 1 transformer to train")
    assert plan_text(sweep_config(tmp_path), asked, budget_s=0).startswith("3 jobs: 3 VQ-VAEs")
    done = plan_text(sweep_config(tmp_path, resume=str(tmp_path)), asked[:2], budget_s=1)
    assert done == "2 jobs, 2 of them done: nothing to train"
