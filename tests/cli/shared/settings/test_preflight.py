"""What only pieces and networks show to be wrong is refused before a folder is made."""

import shutil
from pathlib import Path

import pytest

from musicgen.cli.shared.settings.check import composed
from musicgen.cli.shared.settings.command_line import read_command_line
from musicgen.cli.shared.settings.preflight import check_jobs
from musicgen.cli.shared.settings.refusal import refusing
from musicgen.cli.shared.settings.usage import UsageError

pytestmark = pytest.mark.usefixtures("quick")


def refused(verb: str, *typed: str) -> str:
    """Return the sentence that refuses a command line; empty where it is carried out."""
    line = read_command_line(typed, verb=verb)
    try:
        with refusing():
            check_jobs(composed(line), verb=verb, is_sweep=line.is_sweep)
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("data.composer=[Xyz]", "nearest known: 'Ada Tester'"),
        ("data.title=Étude-Tableau", "nearest known: "),
        ("data.era=[barok]", "nearest known: 'baroque'"),
        ("data.era=[romantic]", "no piece fits"),
        ("data.key=H", "write it as"),
        ("-m data.composer=Tester,Xyz", "composer='Xyz'"),
        ("transformer.num_heads=3", "not a multiple of num_heads=3"),
        ("-m transformer.num_heads=2,3", "not a multiple of num_heads=3"),
        ("vq_vae.strides=[3]", "[4,2]"),
        ("quantizer.num_embeddings=1", "use 2 or more"),
        ("stages=[vqvae]", "use one or more of vq_vae"),
        ("transformer.width=800000", "use a smaller width"),
        ("vq_vae.num_hiddens=2147483640 quantizer.embedding_dim=2147483640", "fits into no memory"),
    ],
)
def test_a_job_that_cannot_be_carried_out_is_refused(midi_folder: Path, typed: str, message: str):
    said = refused("train", "data=folder", f"data.root={midi_folder}", *typed.split())
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("typed", ["", "data.composer=[tester] data.title=etude", "-m epochs=1,2"])
def test_one_that_can_is_not(midi_folder: Path, typed: str):
    assert refused("train", "data=folder", f"data.root={midi_folder}", *typed.split()) == ""


def test_every_source_knows_its_names_beforehand(midi_folder: Path):
    for data in ("folder", "giantmidi"):
        assert "Ada Tester" in refused(
            "prepare", f"data={data}", f"data.root={midi_folder}", "data.composer=Xyz"
        )
    assert "Clara Schumann" in refused("prepare", "data=corpus", "data.composer=[Clara Shuman]")


def test_a_folder_without_pieces_is_refused(tmp_path: Path):
    assert "no .mid" in refused("prepare", "data=folder", f"data.root={tmp_path}")


def test_shares_that_leave_nothing_to_learn_from_are_refused(midi_folder: Path):
    chosen = ["data=folder", f"data.root={midi_folder}"]
    assert "numbered 0/4 to 3/4" in refused("prepare", *chosen, "shard=4/4")
    assert "numbered 0/1 to 0/1" in refused("prepare", *chosen, "shard=0/0")
    assert "their sum below 1" in refused("prepare", *chosen, "data.val_fraction=.9", "data.test_fraction=.9")
    assert "no piece is held out" in refused("train", *chosen, "data.val_fraction=0")
    assert refused("prepare", *chosen, "data.val_fraction=0") == ""
    model = "init_from=chorales-small"
    assert refused("train", *chosen, "data.val_fraction=0", "stages=[generate]", model) == ""


def test_a_stage_that_others_need_must_be_there(midi_folder: Path, tmp_path: Path):
    typed = ["data=folder", f"data.root={midi_folder}", "stages=[transformer]", f"hydra.run.dir={tmp_path}"]
    assert "needs vq_vae" in refused("train", *typed)
    assert "needs vq_vae" in refused("train", *typed, "-m", "epochs=1,2")
    assert refused("train", *typed, "init_from=chorales-small") == ""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "vq_vae.ckpt").touch()
    assert refused("train", *typed) == ""


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], ""),
        (["epochs=7", "optimizer.vq_vae.lr=1e-4", "transformer.dropout=0.3"], ""),
        (["transformer.width=32"], "its transformer has another shape (width=16, here 32)"),
        (["vq_vae.num_hiddens=16"], "its vq_vae has another shape (num_hiddens=32, here 16)"),
        (["condition=composer"], "its transformer has another shape"),
        (["transformer.width=32", "stages=[vq_vae]"], ""),
        (["stages=[renderer]"], "renderer.ckpt"),
    ],
)
def test_weights_to_start_from_must_fit(tiny_run: Path, midi_folder: Path, typed: list[str], message: str):
    said = refused("train", "data=folder", f"data.root={midi_folder}", f"init_from={tiny_run}", *typed)
    assert message in said
    assert bool(said) == bool(message)
    assert len(said) < 400


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("prompt=PROMPT", ""),
        ("prompt=PROMPT prompt_bars=3-4", ""),
        ("prompt=PROMPT prompt_bars=99", "prompt_bars=99 is no part of 4 bars"),
        ("prompt=PROMPT fill=2:99", "quarters 2:99 are no part"),
        ("prompt=PROMPT key=D", "which has a key already"),
        ("prompt=TEXT", "not a MIDI file"),
        ("prompt=EMPTY", "it is empty"),
        ("key=H", "write it as"),
        ("vary=.5", "name one with prompt=FILE"),
        ("keep=9", "keep=9 of num_pieces=4"),
    ],
)
def test_what_a_run_cannot_write_is_refused(
    tiny_run: Path, midi_folder: Path, tmp_path: Path, typed: str, message: str
):
    (tmp_path / "text.mid").write_text("hello")
    (tmp_path / "empty.mid").touch()
    prompt = sorted(midi_folder.glob("*.mid"))[0]
    places = {"PROMPT": prompt, "TEXT": tmp_path / "text.mid", "EMPTY": tmp_path / "empty.mid"}
    words = [f"prompt={places[word[7:]]}" if word[7:] in places else word for word in typed.split()]
    said = refused("generate", f"run={tiny_run}", *words)
    assert message in said
    assert bool(said) == bool(message)


def test_a_run_without_a_prior_writes_nothing(tiny_run: Path, tmp_path: Path):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    (run / "checkpoints" / "transformer.ckpt").unlink()
    assert "it has no transformer to write pieces with" in refused("generate", f"run={run}")


@pytest.mark.parametrize("verb", [("compare",), ("tensorboard",), ("runs", "list")])
def test_verbs_over_runs_refuse_what_is_none(verb: tuple[str, ...], tiny_run: Path, tmp_path: Path):
    assert refused(*verb, str(tiny_run)) == ""
    assert "is not a run and has none below it" in refused(*verb, str(tmp_path))


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("sort=nope", "sort='nope' is neither a setting nor a metric"),
        ("where.epochs=77", "no run has epochs=77"),
        ("front=[a,b]", "'a' is no metric of these runs"),
        ("front=[a]", "use two metrics"),
        ("significance=[nope]", "is neither a setting nor a metric"),
        ("better.nope=[up]", "each lower, higher, closer or none"),
        ("sort=epochs better={generated/polyphony:lower}", ""),
    ],
)
def test_a_comparison_by_what_no_run_has_is_refused(tiny_run: Path, typed: str, message: str):
    said = refused("compare", str(tiny_run), *typed.split())
    assert message in said
    assert bool(said) == bool(message)


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("", ""),
        ("DATA", "is not a folder: give data.root=DIR"),
        (".hydra/config.yaml", "copy the whole folder of the run"),
        ("checkpoints/transformer.ckpt", "it has no transformer to measure"),
    ],
)
def test_a_run_that_has_lost_something_is_not_measured(
    tiny_run: Path, midi_folder: Path, tmp_path: Path, lost: str, message: str
):
    run, data = Path(shutil.copytree(tiny_run, tmp_path / "run")), tmp_path / "data"
    settings = run / ".hydra" / "config.yaml"
    settings.write_text(settings.read_text().replace(str(midi_folder), str(data)))
    shutil.copytree(midi_folder, data)
    if lost == "DATA":
        shutil.rmtree(data)
    elif lost:
        (run / lost).unlink()
    said = refused("evaluate", f"run={run}")
    assert message in said
    assert bool(said) == bool(message)


@pytest.mark.parametrize("line", ["generate run=", "evaluate run=", "export to=x run=", "train init_from="])
def test_half_a_checkpoint_is_refused(tiny_run: Path, tmp_path: Path, line: str):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    path = run / "checkpoints" / "vq_vae.ckpt"
    path.write_bytes(path.read_bytes()[:30_000])
    assert "vq_vae.ckpt is not whole (30,000 bytes)" in refused(*f"{line}{run}".split())


def test_what_a_verb_would_not_read_is_refused(tiny_run: Path, midi_folder: Path, tmp_path: Path):
    run, data = f"run={tiny_run}", ["data=folder", f"data.root={midi_folder}"]
    (tmp_path / "file").touch()
    assert "for pieces of no run" in refused("evaluate", run, f"against={midi_folder}")
    assert "for pieces of no run" in refused("evaluate", run, "beats=true")
    assert "for the pieces of a run" in refused("evaluate", *data, "distances=true")
    assert "style.ckpt is not there" in refused("classify", run, *data, f"weights={midi_folder}")
    assert "this is no file" in refused("generate", run, "prompt=/dev/null")
    assert "is no folder that can be written" in refused("export", run, f"to={tmp_path}/file/x")


def test_watching_refuses_what_is_no_folder_and_waits_in_an_empty_one(tmp_path: Path):
    assert refused("watch", str(tmp_path)) == ""
    assert "nowhere is not a folder" in refused("watch", str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("trainer.accelerator=abacus", "invalid accelerator name"),
        ("trainer.precision=17-odd", "Allowed precision values"),
        ("+trainer.max_time=soon", "not a valid duration"),
        ("data.cache_dir=FILE", "it is a file"),
        ("data.cache_dir=FILE/cache", "is read-only or no folder"),
        ("trainer=fp32", ""),
        ("trainer=ddp", ""),
    ],
)
def test_what_this_machine_cannot_do_is_refused(midi_folder: Path, typed: str, message: str):
    typed = typed.replace("FILE", __file__)
    said = refused("train", "data=folder", f"data.root={midi_folder}", typed)
    assert message in said
    assert bool(said) == bool(message)
