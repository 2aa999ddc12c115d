"""Whatever goes wrong before the first write is one sentence, and says whose mistake it is."""

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from musicgen.cli.shared.settings.refusal import BUG, refusing, said
from musicgen.cli.shared.settings.usage import UsageError


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("epochs=0\nis too few"), "epochs=0 is too few"),
        (OSError(36, "File name too long", "a" * 300), f"{'a' * 80}…: File name too long"),
        (ValueError(), "ValueError"),
        (UsageError("a\nb"), r"a\nb"),
    ],
)
def test_what_settings_and_files_raise_is_said_as_it_is(error: Exception, message: str):
    assert said(error) == message


@pytest.mark.parametrize(
    "error", [KeyError("x"), TypeError("x"), AssertionError("x"), ZeroDivisionError("x")]
)
def test_a_bug_is_called_one(error: Exception):
    assert said(error).startswith(f"{BUG} ({type(error).__name__}")
    assert "HYDRA_FULL_ERROR=1" in said(error)


def test_a_class_that_a_setting_names_is_no_bug():
    with pytest.raises(InstantiationException) as raised:
        instantiate({"_target_": "fractions.Fraction", "denominater": 1})
    assert said(raised.value).endswith("unexpected keyword argument 'denominater'")


def test_everything_is_refused_in_one_line():
    with pytest.raises(UsageError, match=f"^{BUG}"), refusing():
        {}["nothing"]
