"""Choose pieces by their musical analysis: mode, key, progression, form."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from musicgen.data.catalogue.analysis import Analysis
from musicgen.data.catalogue.passages import Span
from musicgen.data.catalogue.pieces import Piece, kept
from musicgen.music.theory.form import check_form, has_form
from musicgen.music.theory.key_names import read_key
from musicgen.music.theory.keys import MODES

logger = logging.getLogger(__name__)

_DEGREE = re.compile(r"[b#]?(?:VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)[°+]?(?:/[b#]?[IViv]+)?")


@dataclass(frozen=True)
class MusicFilter:
    """Musical criteria of pieces: all settings must hold; of a list of keys or modes, any.

    Attributes:
        mode: ``major`` or ``minor``, of the whole piece.
        key: Such as ``C# minor``, ``E flat major``; without a mode (``C#``) either.
        progression: Roman numerals that follow each other somewhere in the piece, without sevenths and
            inversions, each in its local key: ``[I, V, vi, IV]``.
        form: Sections by letters, such as ``ABA`` (see ``has_form``).
        passage_quarters: Take only the passages that hold the progression, each widened to so many quarters
            at least; None takes whole pieces.

    Raises:
        ValueError: A setting is invalid.
    """

    mode: str | Sequence[str] | None = None
    key: str | Sequence[str] | None = None
    progression: str | Sequence[str] | None = None
    form: str | None = None
    passage_quarters: int | None = None

    def __post_init__(self) -> None:
        """Validate the settings before anything is analysed."""
        for mode in as_list(self.mode):
            if mode not in MODES:
                raise ValueError(f"mode={mode!r} is none; use {' or '.join(MODES)}")
        self.keys()
        for degree in as_list(self.progression):
            if not _DEGREE.fullmatch(degree):
                raise ValueError(
                    f"progression has {degree!r}, which is no degree; use Roman numerals without sevenths "
                    "and inversions, upper case for major and lower case for minor: I, ii, bVII, vii°, V/V"
                )
        if self.form is not None:
            check_form(self.form)
        if self.passage_quarters is not None:
            if not as_list(self.progression):
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
            value is not None
            for value in (self.mode, self.key, self.progression, self.form, self.passage_quarters)
        )

    @property
    def described(self) -> str:
        """Describe the criteria."""
        criteria = {"mode": self.mode, "key": self.key, "progression": self.progression, "form": self.form}
        return " and ".join(
            f"{name}={value if isinstance(value, str) else _shown(value)}"
            for name, value in criteria.items()
            if value is not None
        )

    def keys(self) -> set[tuple[int, str]]:
        """Return the tonics and modes that are asked for; none without a key.

        Raises:
            ValueError: A key cannot be read.
        """
        return {(key.tonic, key.mode) for text in as_list(self.key) for key in read_key(text)}

    def apply(self, pieces: Sequence[Piece], analyses: Mapping[str, Analysis]) -> Sequence[Piece]:
        """Return the pieces that fit, in their order; those without an analysis do not.

        Raises:
            ValueError: No piece fits; says how many were asked.
        """
        without = [piece.path.name for piece in pieces if piece.content not in analyses]
        if without:
            logger.warning("%d files hold no music and are left out, such as %s", len(without), without[0])
        fitting = kept(
            pieces,
            (piece.content in analyses and self.fits(analyses[piece.content]) for piece in pieces),
        )
        if not fitting:
            raise ValueError(f"none of {len(pieces)} pieces is {self.described}; ask for less")
        return fitting

    def fits(self, analysis: Analysis) -> bool:
        """Check whether a piece meets the criteria."""
        modes, keys, progression = as_list(self.mode), self.keys(), as_list(self.progression)
        return (
            (not modes or analysis.key.mode in modes)
            and (not keys or (analysis.key.tonic, analysis.key.mode) in keys)
            and (not progression or analysis.holds(progression))
            and (self.form is None or (analysis.frames is not None and has_form(analysis.frames, self.form)))
        )

    def passages(self, analyses: Mapping[str, Analysis]) -> dict[str, tuple[Span, ...]] | None:
        """Return the passages of each content that are taken; None where whole pieces are."""
        if self.passage_quarters is None:
            return None
        progression = as_list(self.progression)
        return {
            content: analysis.passages(progression, quarters=self.passage_quarters)
            for content, analysis in analyses.items()
        }


def as_list(wanted: str | Sequence[str] | None) -> list[str]:
    """Return one name or several as a list."""
    if wanted is None:
        return []
    return [wanted] if isinstance(wanted, str) else [str(value) for value in wanted]


def _shown(values: Sequence[str]) -> str:
    return f"[{', '.join(values)}]"
