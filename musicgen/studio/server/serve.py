"""Serve a studio on this machine's own address."""

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn

from musicgen.files.locks import is_held, lock
from musicgen.studio.server.app import create_app
from musicgen.studio.server.guard import hosts_of
from musicgen.studio.server.studio import Settings

ADDRESS = "127.0.0.1"
_END_WITHIN_S = 2


def serve(settings: Settings, *, port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted.

    Args:
        settings: How the studio is set up.
        port: Where it listens; 0 takes any that is free.
        ready: Called with the page's address once it answers.

    Raises:
        OSError: The port is taken, or the folder cannot be written.
    """
    held = settings.folder / ".lock"
    if is_held(held):
        raise OSError(
            f"folder={settings.folder} is used by a studio that runs; open that one, or use another folder"
        )
    with lock(held), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((ADDRESS, port))
        except OSError as error:
            raise OSError(
                f"port={port} cannot be used ({error.strerror}); type another, or port=0"
            ) from error
        port = listener.getsockname()[1]
        app = create_app(settings, hosts=hosts_of(port))
        config = uvicorn.Config(
            app,
            log_level=logging.WARNING,
            access_log=False,
            timeout_graceful_shutdown=_END_WITHIN_S,
            server_header=False,
        )
        asyncio.run(_serve(uvicorn.Server(config), listener, lambda: ready(f"http://{ADDRESS}:{port}/")))


async def _serve(server: uvicorn.Server, listener: socket.socket, ready: Callable[[], None]) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        ready()
    await serving
