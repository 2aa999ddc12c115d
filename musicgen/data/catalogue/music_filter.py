"""Choose pieces by what they are as music: mode, key, progression, form."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from musicgen.data.catalogue.analysis import Analysis, analyses_of
from musicgen.data.catalogue.passages import Span
from musicgen.data.catalogue.pieces import Piece, kept
from musicgen.music.theory.form import check_form, has_form
from musicgen.music.theory.keys import MODES
from musicgen.music.theory.spelling import pitch_class_of

logger = logging.getLogger(__name__)

_KEY = re.compile(r"([A-G])(?:[- ]?(sharp|flat|#|b|♯|♭))?(?:[- ]?(major|minor|m))?", re.IGNORECASE)
_ACCIDENTALS = {"sharp": "#", "#": "#", "♯": "#", "flat": "b", "b": "b", "♭": "b"}
_DEGREE = re.compile(r"[b#]?(?:VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)[°+]?(?:/[b#]?[IViv]+)?")


@dataclass(frozen=True)
class MusicCriteria:
    """What pieces must be as music. Everything given must hold; of a list of keys or modes one must.

    Attributes:
        mode: ``major`` or ``minor``, of the whole piece.
        key: Such as ``C# minor``, ``E flat major``; without a mode (``C#``) either.
        progression: Roman numerals that follow each other somewhere in the piece, without sevenths and
            inversions, each in its local key: ``[I, V, vi, IV]``.
        form: Sections by letters, such as ``ABA`` (see ``has_form``).
        passage_quarters: Take only the passages that hold the progression, each widened to so many quarters
            at least; None takes whole pieces.

    Raises:
        ValueError: A setting is not one of those; says what is allowed.
    """

    mode: str | Sequence[str] | None = None
    key: str | Sequence[str] | None = None
    progression: str | Sequence[str] | None = None
    form: str | None = None
    passage_quarters: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be looked for, before anything is analysed."""
        for mode in _listed(self.mode):
            if mode not in MODES:
                raise ValueError(f"mode={mode!r} is none; use {' or '.join(MODES)}")
        self.keys()
        for degree in _listed(self.progression):
            if not _DEGREE.fullmatch(degree):
                raise ValueError(
                    f"progression has {degree!r}, which is no degree; use Roman numerals without sevenths "
                    "and inversions, upper case for major and lower case for minor: I, ii, bVII, vii°, V/V"
                )
        if self.form is not None:
            check_form(self.form)
        if self.passage_quarters is not None:
            if not _listed(self.progression):
                raise ValueError(
                    f"passage_quarters={self.passage_quarters}, but no progression to look for; give "
                    "progression=[I,V,vi,IV] too, or passage_quarters=null for whole pieces"
                )
            if self.passage_quarters < 1:
                raise ValueError(
                    f"passage_quarters={self.passage_quarters} is no length; give 1 or more, such as 16, or "
                    "null for whole pieces"
                )

    def __bool__(self) -> bool:
        return any(
            one is not None
            for one in (self.mode, self.key, self.progression, self.form, self.passage_quarters)
        )

    @property
    def described(self) -> str:
        """Say what is asked for."""
        asked = {"mode": self.mode, "key": self.key, "progression": self.progression, "form": self.form}
        return " and ".join(
            f"{name}={value if isinstance(value, str) else _shown(value)}"
            for name, value in asked.items()
            if value is not None
        )

    def keys(self) -> set[tuple[int, str]]:
        """Give the tonics and modes that are asked for; none where no key is.

        Raises:
            ValueError: A key cannot be read.
        """
        found = set()
        for text in _listed(self.key):
            match = _KEY.fullmatch(text.strip())
            if not match:
                raise ValueError(f"key={text!r} is none; write it as 'C# minor', 'E flat major' or 'G'")
            letter, accidental, mode = match.groups()
            tonic = pitch_class_of(letter.upper() + _ACCIDENTALS.get((accidental or "").lower(), ""))
            modes = {"": MODES, "m": ("minor",)}.get((mode or "").lower(), ((mode or "").lower(),))
            found |= {(tonic, one) for one in modes}
        return found

    def fits(self, analysis: Analysis) -> bool:
        """Tell whether a piece is what is asked for."""
        modes, keys, progression = _listed(self.mode), self.keys(), _listed(self.progression)
        return (
            (not modes or analysis.key.mode in modes)
            and (not keys or (analysis.key.tonic, analysis.key.mode) in keys)
            and (not progression or analysis.holds(progression))
            and (self.form is None or (analysis.frames is not None and has_form(analysis.frames, self.form)))
        )


@dataclass(frozen=True)
class MusicFilter:
    """Choose pieces by their analysis, which is made once per piece and kept.

    Attributes:
        choice: What they must be.
        cache_dir: Folder of all caches.
        num_workers: Processes at most; None takes one a core.
        progress: Show a bar while pieces are analysed.
    """

    choice: MusicCriteria
    cache_dir: str | Path
    num_workers: int | None = None
    progress: bool = True

    def of(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """Give the pieces that fit; files that are no music do not.

        Raises:
            ValueError: No piece fits; says how many were asked.
            OSError: The cache cannot be written.
        """
        known = self._analyses(pieces)
        lost = [piece.path.name for piece in pieces if piece.content not in known]
        if lost:
            logger.warning("%d files hold no music and are left out, such as %s", len(lost), lost[0])
        fitting = kept(
            pieces,
            (piece.content in known and self.choice.fits(known[piece.content]) for piece in pieces),
        )
        if not fitting:
            raise ValueError(f"none of {len(pieces)} pieces is {self.choice.described}; ask for less")
        return fitting

    def passages(self, pieces: Sequence[Piece]) -> dict[str, tuple[Span, ...]] | None:
        """Give the passages of each content that are taken; None where whole pieces are."""
        quarters, progression = self.choice.passage_quarters, _listed(self.choice.progression)
        if quarters is None:
            return None
        return {
            content: one.passages(progression, quarters=quarters)
            for content, one in self._analyses(pieces).items()
        }

    def _analyses(self, pieces: Sequence[Piece]) -> dict[str, Analysis]:
        return analyses_of(
            pieces, cache_dir=self.cache_dir, num_workers=self.num_workers, progress=self.progress
        )


def _listed(wanted: str | Sequence[str] | None) -> list[str]:
    if wanted is None:
        return []
    return [wanted] if isinstance(wanted, str) else [str(one) for one in wanted]


def _shown(values: Sequence[str]) -> str:
    return f"[{', '.join(values)}]"
