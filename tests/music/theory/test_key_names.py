"""Keys as they are typed and as titles name them."""

import pytest

from musicgen.music.theory.key_names import key_in_title, read_key
from musicgen.music.theory.keys import Key


def test_keys_in_titles():
    assert key_in_title("Nocturne in C-sharp minor, B.49") == Key(1, "minor")
    assert key_in_title("Polonaise in A-flat major") == Key(8, "major")
    assert key_in_title("Prelude in F major") == Key(5, "major")
    assert key_in_title("Nocturnes, Op.9") is None
    assert key_in_title("Fugue in C major and Fugue in D minor") is None


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("C# minor", (Key(1, "minor"),)),
        (" e flat Major", (Key(3, "major"),)),
        ("b♭m", (Key(10, "minor"),)),
        ("Cb", (Key(11, "major"), Key(11, "minor"))),
        ("B", (Key(11, "major"), Key(11, "minor"))),
    ],
)
def test_a_typed_key_is_read_and_without_a_mode_means_both(typed: str, keys: tuple[Key, ...]):
    assert read_key(typed) == keys


@pytest.mark.parametrize("typed", ["", "H", "C dorian", "C ##", "in C"])
def test_what_is_no_key_is_refused_with_what_to_write(typed: str):
    with pytest.raises(ValueError, match="write it as 'C# minor'"):
        read_key(typed)
