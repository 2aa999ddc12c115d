"""The help of each verb: its purpose, three examples, and its own settings with what they take."""

import re

import hydra
import pytest

from musicgen.cli.shared.settings.check import composed
from musicgen.cli.shared.settings.command_line import read_command_line
from musicgen.cli.shared.settings.help_page import BOLD, DIM, PLAIN, help_lines
from musicgen.config.comments import read_comments
from musicgen.config.tree import config_dir

VERBS = sorted(path.stem for path in config_dir().glob("*.yaml"))


def page(verb: str, *arguments: str, width: int = 80) -> str:
    line = read_command_line(["--help", *arguments], verb=verb)
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        text = "\n".join(help_lines(composed(line), verb=verb, width=width))
    return re.sub("|".join(map(re.escape, (BOLD, DIM, PLAIN))), "", text)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_says_what_it_is_for_with_three_examples_at_80_columns(verb: str):
    commented = read_comments(config_dir() / f"{verb}.yaml")
    text = page(verb)
    assert text.startswith(f"musicgen {verb}: ")
    assert len(commented.examples) >= 3
    assert all(example.startswith(f"musicgen {verb} ") or verb == "import" for example in commented.examples)
    too_long = [line for line in text.splitlines() if len(line) > 80 and " " in line.strip()]
    assert not too_long


def test_each_setting_stands_with_its_default_its_comment_and_what_it_takes():
    text = " ".join(page("generate").split())
    assert "num_quarters=128 of what is new; a prompt comes on top [a whole number from 1]" in text
    assert "sampling.rest_p=0.9" in text
    assert "[a list that is not empty, each mid, wav, opus, png, svg or musicxml]" in text


def test_a_verb_lists_its_own_settings_alone():
    text = page("watch")
    assert "every_s=2" in text
    for other in ("epochs", "data.composer", "one of", "hydra.", "-m key"):
        assert other not in text


def test_another_choice_is_shown_as_it_is_chosen():
    assert "data.download=false" in page("train", "data=giantmidi")
    assert "data.download" not in page("train")


def test_comments_of_included_files_and_of_mappings_are_found(tmp_path):
    (tmp_path / "base.yaml").write_text("a: 1  # of base\nb: 2  # of base\n")
    (tmp_path / "own.yaml").write_text(
        "# @package _global_\n# Says it.\n#   musicgen x a=1\ndefaults: [base]\n"
        "b: '#3'  # own\nc:  # both\n  d: 4\n"
    )
    found = read_comments(tmp_path / "own.yaml")
    assert (found.purpose, found.examples) == ("Says it.", ("musicgen x a=1",))
    assert found.settings == {"a": "of base", "b": "own", "c": "both"}
