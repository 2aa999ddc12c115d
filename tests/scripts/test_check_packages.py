"""The lock is read as it is written; a vulnerability service is asked, or it is said that none answered."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from scripts.check_packages import audit, installed, read_lock

ROOT = Path(__file__).resolve().parents[2]


class Service(BaseHTTPRequestHandler):
    """Answer as osv.dev does: old jinja2 is vulnerable."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        bad = {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "3.1.2"}
        results = [{"vulns": [{"id": "GHSA-test"}]} if query == bad else {} for query in asked]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"results": results}).encode())

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_vulnerable_versions_are_named(service: str):
    assert audit({"jinja2": "3.1.2", "torch": "2.13.0+cpu"}, url=service) == {"jinja2": ["GHSA-test"]}
    assert audit({"jinja2": "3.1.6"}, url=service) == {}


def test_a_service_that_does_not_answer_is_no_clean_bill(capsys: pytest.CaptureFixture):
    assert audit({"jinja2": "3.1.2"}, url="http://127.0.0.1:9") is None
    assert "cannot be asked" in capsys.readouterr().out


def test_the_lock_names_what_the_project_needs_with_a_hash_each():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = read_lock(text)
    assert len(locked) == sum("==" in line for line in text.splitlines())
    assert {"pytorch-lightning", "hydra-core", "numpy", "mido", "pytest"} <= locked.keys()
    assert "pytest" in installed()
