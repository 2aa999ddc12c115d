"""The reference of settings has what the yaml files say, and the site builds without a warning."""

import subprocess
import sys
from pathlib import Path

import pytest
from docs_reference import settings_page

ROOT = Path(__file__).resolve().parents[2]


def test_settings_have_full_names_defaults_and_the_sentences_beside_them() -> None:
    page = settings_page()
    assert "| `epochs` | `10` |" in page
    assert "| `data.composer` | `null` | surname or full name, one or a list:" in page
    assert "| `optimizer.STAGE.lr` |" in page
    assert "| `optimizer.STAGE._partial_`" not in page
    for path in (ROOT / "conf").glob("*.yaml"):
        assert f"## musicgen {path.stem}\n" in page


@pytest.mark.gate
@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "surname or full name" in (tmp_path / "site/reference/settings/index.html").read_text()
