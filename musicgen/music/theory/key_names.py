"""Read keys that a user types or a title names."""

import re

from musicgen.music.theory.keys import MODES, Key
from musicgen.music.theory.spelling import NATURAL_CLASSES, pitch_class_of

_KEY = re.compile(r"([A-G])(?:[- ]?(sharp|flat|#|b|♯|♭))?(?:[- ]?(major|minor|m))?", re.IGNORECASE)
_ACCIDENTALS = {"sharp": "#", "#": "#", "♯": "#", "flat": "b", "b": "b", "♭": "b"}
_TITLE_KEY = re.compile(r"\bin ([A-G])(?:[- ](flat|sharp))? (major|minor)\b", re.IGNORECASE)


def read_key(text: str) -> tuple[Key, ...]:
    """Read a key that a user typed, such as `C# minor` or `E flat major`; `G` means either mode.

    Raises:
        ValueError: It is none.
    """
    match = _KEY.fullmatch(text.strip())
    if not match:
        raise ValueError(f"key={text!r} is none; write it as 'C# minor', 'E flat major' or 'G'")
    letter, accidental, mode = (group or "" for group in match.groups())
    tonic = pitch_class_of(letter.upper() + _ACCIDENTALS.get(accidental.lower(), ""))
    modes = {"": MODES, "m": ("minor",)}.get(mode.lower(), (mode.lower(),))
    return tuple(Key(tonic, mode) for mode in modes)


def key_in_title(title: str) -> Key | None:
    """Read the key that a title names, such as `Nocturne in C-sharp minor`; None for none or several."""
    found = _TITLE_KEY.findall(title)
    if len(found) != 1:
        return None
    letter, accidental, mode = found[0]
    shift = {"flat": -1, "sharp": 1}.get(accidental.lower(), 0)
    return Key((NATURAL_CLASSES[letter.upper()] + shift) % 12, mode.lower())
