"""What is asked for in the words of a run, and locked notes that stay."""

import pytest

from musicgen.music.score_map import ScoreMap
from musicgen.studio.pieces.rows import found_again, from_rows, rows_of
from musicgen.studio.work.asking import Asking
from musicgen.studio.work.compose import wishes_of, with_locked

SCORE = ScoreMap.constant()


def test_one_name_is_asked_for_and_several_are_blended():
    one = wishes_of(Asking(run="r", labels={"composer": {"Chopin": 1.0}}, guidance=2.0, key="D"))
    assert (one["composer"], one["guidance"], one["key"]) == ("Chopin", 2.0, "D")
    assert "blend" not in one
    blend = {"composer": {"Chopin": 60.0, "Liszt": 40.0, "Ravel": 0.0}, "era": {"romantic": 1.0}}
    two = wishes_of(Asking(run="r", labels=blend))
    assert two["blend"] == {"Chopin": 60.0, "Liszt": 40.0}
    assert two["era"] == "romantic"
    with pytest.raises(ValueError, match="composer and era cannot be blended at once"):
        wishes_of(Asking(run="r", labels={"composer": {"a": 1.0, "b": 1.0}, "era": {"c": 1.0, "d": 1.0}}))


def test_mood_is_told_from_other_attributes():
    wishes = wishes_of(Asking(run="r", attributes={"mood.valence": -1.0, "density": 3.0}))
    assert wishes["mood"] == {"valence": -1.0}
    assert wishes["attributes"] == {"density": 3.0}


def test_a_key_is_not_asked_of_a_piece_that_has_one():
    assert "key" not in wishes_of(Asking(run="r", kind="continue", piece="p", key="D"))


def test_locked_notes_come_back_in_place_of_what_was_written_over_them():
    source = from_rows([(60, 0.0, 1.0, 80), (64, 4.0, 2.0, 70), (67, 5.0, 1.0, 60)], score=SCORE)
    written = from_rows(
        [(60, 0.0, 1.0, 80), (64, 3.0, 1.5, 50), (64, 6.0, 1.0, 50), (62, 4.0, 1.0, 50)], score=SCORE
    )
    kept = with_locked(written, source, locked=[(64, 4.0)], part=(4, 8))
    assert rows_of(kept) == [(60, 0.0, 1.0, 80), (62, 4.0, 1.0, 50), (64, 4.0, 2.0, 70), (64, 6.0, 1.0, 50)]
    assert rows_of(with_locked(written, source, locked=[(60, 0.0)], part=(4, 8))) == rows_of(written)
    assert with_locked(written, source, locked=[], part=(4, 8)) is written


def test_locked_notes_are_found_again_on_the_files_ticks():
    performance = from_rows([(60, 0.3333, 1.0, 80), (60, 2.0, 1.0, 80)], score=SCORE)
    [[pitch, onset]] = found_again([(60, 0.3333), (61, 2.0), (60, 7.0)], performance)
    assert (pitch, onset) == rows_of(performance)[0][:2]
