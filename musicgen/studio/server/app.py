"""The routes: from requests to the studio and back."""

import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from musicgen.studio.limits import RefusedError
from musicgen.studio.pieces.shelf import Session
from musicgen.studio.server.events import event_text, to_json
from musicgen.studio.server.guard import Application, Guard
from musicgen.studio.server.studio import Settings, Studio

STATIC = Path(__file__).parent.parent / "static"
Answer = Callable[[Request, Studio, Session], Awaitable[Response]]
log = logging.getLogger(__name__)


def create_app(settings: Settings, *, hosts: Iterable[str]) -> Application:
    """Build the ASGI application of a studio.

    Args:
        settings: How it is set up.
        hosts: Values of `Host` that are its own.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        studio = Studio(settings)
        app.state.studio = studio
        try:
            yield
        finally:
            studio.events.close()
            studio.close()

    routes = [
        Route("/", _page),
        Route("/api/events", _route(_events)),
        Route("/api/offer", _route(_offer)),
        Route("/api/versions", _route(_ask), methods=["POST"]),
        Route("/api/files", _route(_bring_file), methods=["POST"]),
        Route("/api/recordings", _route(_bring_recording), methods=["POST"]),
        Route("/api/pieces/{piece}", _route(_rename), methods=["PATCH"]),
        Route("/api/pieces/{piece}", _route(_remove), methods=["DELETE"]),
        Route("/api/pieces/{piece}/cancel", _route(_cancel), methods=["POST"]),
        Route("/api/pieces/{piece}/notes", _route(_notes), methods=["GET"]),
        Route("/api/pieces/{piece}/notes", _route(_edit), methods=["PUT"]),
        Route("/api/pieces/{piece}/restore", _route(_restore), methods=["POST"]),
        Route("/api/pieces/{piece}/sound", _route(_sound)),
        Route("/api/pieces/{piece}/score", _route(_score)),
        Route("/api/pieces/{piece}/files/{kind}", _route(_file)),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    return Guard(app, hosts=hosts, body_bytes=settings.limits.upload_bytes)


def _route(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """Find the studio and the session of a request; what is refused becomes a status and its reason."""

    async def answered(request: Request) -> Response:
        try:
            studio: Studio = request.app.state.studio
            return await answer(request, studio, studio.shelf.session(request.scope["session"]))
        except RefusedError as error:
            return PlainTextResponse(str(error), status_code=error.status)
        except OSError as error:
            log.error("%s", error)
            return PlainTextResponse(f"the studio's folder cannot be used: {error.strerror}", status_code=507)

    return answered


async def _page(request: Request) -> Response:
    content = (STATIC / "index.html").read_text(encoding="utf-8")
    return Response(content, media_type="text/html")


async def _events(request: Request, studio: Studio, session: Session) -> Response:
    stream = studio.events.stream(session.id, lambda: event_text("standing", studio.standing(session)))
    return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _offer(request: Request, studio: Studio, session: Session) -> Response:
    return _json(await studio.queue.describe(request.query_params.get("run", "")))


async def _ask(request: Request, studio: Studio, session: Session) -> Response:
    return _json({"pieces": studio.ask(session, await _sent(request))}, status=202)


async def _bring_file(request: Request, studio: Studio, session: Session) -> Response:
    name = Path(request.query_params.get("name", "")).stem
    return _json({"piece": studio.bring_file(session, await request.body(), name=name)}, status=201)


async def _bring_recording(request: Request, studio: Studio, session: Session) -> Response:
    return _json({"piece": studio.bring_recording(session, await _sent(request))}, status=201)


async def _rename(request: Request, studio: Studio, session: Session) -> Response:
    sent = await _sent(request)
    title = sent.get("name") if isinstance(sent, dict) else None
    return _json({"piece": studio.rename(session, request.path_params["piece"], title)})


async def _remove(request: Request, studio: Studio, session: Session) -> Response:
    studio.remove(session, request.path_params["piece"])
    return Response(status_code=204)


async def _cancel(request: Request, studio: Studio, session: Session) -> Response:
    studio.queue.cancel(session, request.path_params["piece"])
    return Response(status_code=204)


async def _notes(request: Request, studio: Studio, session: Session) -> Response:
    return _json(studio.notes(session, request.path_params["piece"]))


async def _edit(request: Request, studio: Studio, session: Session) -> Response:
    return _json({"piece": studio.edit(session, request.path_params["piece"], await _sent(request))})


async def _restore(request: Request, studio: Studio, session: Session) -> Response:
    return _json({"piece": studio.restore(session, request.path_params["piece"])})


async def _sound(request: Request, studio: Studio, session: Session) -> Response:
    begin_s, end_s = (_seconds(request, name) for name in ("from", "to"))
    wav = await studio.sound(session, request.path_params["piece"], begin_s=begin_s, end_s=end_s)
    return Response(wav, media_type="audio/wav", headers={"cache-control": "no-store"})


async def _score(request: Request, studio: Studio, session: Session) -> Response:
    page = request.query_params.get("page", "0")
    if not page.isdigit() or len(page) > 6:
        raise RefusedError(f"page={page!r:.20}; use a whole number from 0")
    svg = await studio.score(session, request.path_params["piece"], page=int(page))
    return Response(svg, media_type="image/svg+xml")


async def _file(request: Request, studio: Studio, session: Session) -> Response:
    found = await studio.file(session, request.path_params["piece"], kind=request.path_params["kind"])
    plain = found.name.encode("ascii", "replace").decode().replace("?", "_")
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name)}"
    return Response(found.content, media_type=found.media_type, headers={"content-disposition": named})


async def _sent(request: Request) -> Any:
    """Read a JSON body.

    Raises:
        RefusedError: It is none.
    """
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise RefusedError("the request is no JSON") from None


def _seconds(request: Request, name: str) -> float:
    try:
        return float(request.query_params.get(name, ""))
    except ValueError:
        raise RefusedError(f"{name} is no number of seconds") from None


def _json(data: Any, *, status: int = 200) -> Response:
    return Response(to_json(data), status_code=status, media_type="application/json")
