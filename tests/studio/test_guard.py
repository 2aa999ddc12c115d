"""Who is let in: the studio's own pages, with bodies of a sensible size."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from musicgen.studio.limits import BodyTooLargeError
from musicgen.studio.server.guard import COOKIE, Guard, hosts_of


async def application(scope: Any, receive: Any, send: Any) -> None:
    try:
        body = await Request(scope, receive).body()
        answer: Response = PlainTextResponse(f"{scope['session']} {len(body)}")
    except BodyTooLargeError as error:
        answer = PlainTextResponse(str(error), status_code=error.status)
    await answer(scope, receive, send)


def ask(
    *, method: str = "GET", path: str = "/api/events", body: tuple[bytes, ...] = (b"",), **headers: str
) -> tuple[int, dict[str, str], str]:
    """Send a request through a guard; return status, headers and text."""
    given = {"host": "127.0.0.1:8127"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    parts = [
        {"type": "http.request", "body": part, "more_body": place < len(body) - 1}
        for place, part in enumerate(body)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(application, hosts=hosts_of(8127), body_bytes=1 << 20)(scope, receive, send))
    named = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], named, sent[1]["body"].decode()


def test_its_own_pages_are_let_in():
    for headers in (
        {},
        {"host": "localhost:8127"},
        {"host": "[::1]:8127"},
        {"origin": "http://127.0.0.1:8127", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ):
        assert ask(**headers)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8127"},
        {"host": "127.0.0.1:9999"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:8127"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_other_origins_are_refused(headers: dict[str, str]):
    for method in ("GET", "POST"):
        status, _, reason = ask(method=method, **headers)
        assert status == 403
        assert reason


def test_a_link_on_another_site_may_open_the_page_and_nothing_else():
    assert ask(path="/", sec_fetch_site="cross-site")[0] == 200
    assert ask(path="/", method="POST", sec_fetch_site="cross-site")[0] == 403


def test_bodies_above_the_limit_are_refused_whatever_they_say_of_their_length():
    assert ask(method="POST", content_length=str(2 << 20))[0] == 413
    assert ask(method="POST", content_length="-5")[0] == 413
    assert ask(method="POST", body=(b"x" * (1 << 19),) * 3)[0] == 413
    assert ask(method="POST", body=(b"x" * (1 << 19),) * 2)[0] == 200


def test_each_browser_has_a_session_of_its_own():
    _, headers, text = ask()
    session = text.split()[0]
    assert headers["set-cookie"].startswith(f"{COOKIE}={session};")
    assert "HttpOnly" in headers["set-cookie"]
    _, headers, text = ask(cookie=f"{COOKIE}={session}")
    assert text.split()[0] == session
    assert "set-cookie" not in headers
    assert ask()[2].split()[0] != session
    for forged in ("../../etc", "short", "a b c d e f g h i j k"):
        assert ask(cookie=f"{COOKIE}={forged}")[2].split()[0] != forged


def test_pages_may_load_nothing_from_elsewhere():
    policy = ask()[1]["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
