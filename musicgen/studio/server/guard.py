"""Who may talk to the studio: pages that it served itself, on this machine, and nobody else."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from musicgen.studio.limits import BodyTooLargeError
from musicgen.studio.pieces.shelf import is_id, new_id

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "musicgen-studio"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_MOST_DRAINED = 64 << 20
_YEAR_S = 365 * 24 * 3600
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; object-src 'none'; "
        "base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "midi=(self), camera=(), microphone=(), geolocation=()",
    "cache-control": "no-cache",
}


class Guard:
    """Refuses requests of other origins and bodies that are too large; gives each browser a session.

    A page of any other site can send requests to this machine, too. Those carry another `Origin` or
    `Sec-Fetch-Site`, and a name that was pointed here (DNS rebinding) another `Host`.

    Args:
        application: What it guards.
        hosts: Values of `Host` that are this server's own.
        body_bytes: Largest body.
    """

    def __init__(self, application: Application, *, hosts: Iterable[str], body_bytes: int) -> None:
        self.application, self.hosts, self.body_bytes = application, frozenset(hosts), body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(headers, scope)
        if refusal is not None:
            await _drain(receive)
            await _answer(send, *refusal)
            return
        session = _session(headers.get("cookie", ""))
        fresh = new_id() if session is None else None
        scope["session"] = session or fresh
        await self.application(scope, self._limited(receive), _with_headers(send, fresh))

    def _refusal(self, headers: dict[str, str], scope: Scope) -> tuple[int, str] | None:
        if headers.get("host", "") not in self.hosts:
            return 403, "this studio answers under its own address only"
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            return 403, "requests of other sites are refused"
        is_visit = scope["method"] == "GET" and scope["path"] == "/"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not is_visit:
            return 403, "requests of other sites are refused"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.body_bytes:
            return 413, f"this is larger than {self.body_bytes >> 20} MiB, the most that is taken"
        return None

    def _limited(self, receive: Receive) -> Receive:
        taken = 0

        async def limited() -> MutableMapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.body_bytes:
                raise BodyTooLargeError(
                    f"this is larger than {self.body_bytes >> 20} MiB, the most that is taken"
                )
            return message

        return limited


def hosts_of(port: int) -> list[str]:
    """List the values of `Host` by which a port of this machine is reached."""
    return [f"{name}:{port}" for name in LOOPBACK]


def _session(cookie: str) -> str | None:
    try:
        found = SimpleCookie(cookie).get(COOKIE)
    except CookieError:
        return None
    return found.value if found is not None and is_id(found.value) else None


def _with_headers(send: Send, fresh: str | None) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            given = {name.lower() for name, _ in headers}
            own = ((name.encode(), value.encode()) for name, value in _HEADERS.items())
            headers += [(name, value) for name, value in own if name not in given]
            if fresh is not None:
                cookie = f"{COOKIE}={fresh}; Path=/; Max-Age={_YEAR_S}; HttpOnly; SameSite=Lax"
                headers.append((b"set-cookie", cookie.encode()))
            message["headers"] = headers
        await send(message)

    return sending


async def _drain(receive: Receive) -> None:
    """Take in what is still coming, within bounds, so that the sender gets to read the answer."""
    taken, more = 0, True
    while more and taken < _MOST_DRAINED:
        message = await receive()
        taken += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


async def _answer(send: Send, status: int, reason: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": reason.encode()})
