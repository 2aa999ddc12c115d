"""Command lines as they are shown."""

import pytest

from musicgen.config.grammar import as_typed, quoted


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run='outputs/a=1'", "seed=3"], "musicgen run=outputs/a=1 seed=3"),
        (["prompt=" + quoted("my song.mid")], "musicgen 'prompt=my song.mid'"),
        (["data.composer=[Chopin,'Dvořák']"], """musicgen 'data.composer=[Chopin,'"'"'Dvořák'"'"']'"""),
        (["name=" + quoted("it's")], r"""musicgen 'name='"'"'it\'"'"'s'"'"''"""),
        (["-m", "epochs=5,10"], "musicgen -m epochs=5,10"),
    ],
)
def test_a_command_is_shown_without_the_quotes_that_hydra_needs(arguments, text):
    assert as_typed("musicgen", arguments) == text
