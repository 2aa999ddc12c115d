"""What all pages share."""

from pathlib import Path

import pytest

from musicgen.reports.pages.environment import write_page_text


def test_a_page_does_not_tell_whose_folder_it_lay_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "ada")
    text = f"data.root='{tmp_path}/ada/midi' run=outputs/a"
    write_page_text(text, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "data.root='~/midi' run=outputs/a"
