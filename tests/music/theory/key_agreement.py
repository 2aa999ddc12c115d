"""How often the estimated key is the one that a piece's title names."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from musicgen.music.notes import Performance
from musicgen.music.theory.key_names import key_in_title
from musicgen.music.theory.keys import Key, estimate_key

_SEVERAL_MOVEMENTS = re.compile(
    r"sonat|suite|partita|concert|symphon|trio|quartet|quintet|divertimento|serenade|^\d+ ", re.IGNORECASE
)


@dataclass(frozen=True)
class KeyAgreement:
    """Hold how many keys agree.

    Attributes:
        agreeing: Number of pieces whose estimated key is the title's.
        total: Number of pieces.
        disagreements: Title, the title's key and the estimated one of each of the others.
    """

    agreeing: int
    total: int
    disagreements: tuple[tuple[str, Key, Key], ...]

    @property
    def rate(self) -> float:
        """Share of pieces that agree (0 to 1); NaN for none."""
        return self.agreeing / self.total if self.total else float("nan")


def titled_pieces(
    pieces: Iterable[tuple[str, Performance]], *, several_movements: bool = False
) -> list[tuple[str, Key, Performance]]:
    """Keep the pieces whose title names exactly one key, with that key.

    Args:
        pieces: Title and notes of each piece; byte-identical files should come once.
        several_movements: Keep works of several movements instead of the others. They are told by
            their title before the key: sonatas, sonatinas, suites, partitas, concertos, symphonies,
            trios, quartets, quintets, divertimentos, serenades, and titles that begin with a number.
    """
    kept = []
    for title, performance in pieces:
        key = key_in_title(title)
        if key and bool(_SEVERAL_MOVEMENTS.search(title.split(" in ")[0])) == several_movements:
            kept.append((title, key, performance))
    return kept


def key_agreement(titled: Iterable[tuple[str, Key, Performance]]) -> KeyAgreement:
    """Estimate the key of each piece and count where it is the title's: tonic and mode, nothing less."""
    answers = [(title, key, estimate_key(performance)) for title, key, performance in titled]
    wrong = tuple(answer for answer in answers if answer[1] != answer[2])
    return KeyAgreement(agreeing=len(answers) - len(wrong), total=len(answers), disagreements=wrong)


def first_half(title: str) -> bool:
    """Tell the half of the titles on which the estimator's weights were chosen from the other."""
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % 2 == 0
