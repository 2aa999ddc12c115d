"""Events from the server to the open pages of each person."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, is_dataclass
from typing import Any

BEHIND = 500  # events that a page may lag; it is cut off then, and reads everything anew
HEARTBEAT_S = 10.0


class Events:
    """Hands events to every open page of the person they are for; what nobody listens to is dropped."""

    def __init__(self) -> None:
        self.pages: dict[str, set[asyncio.Queue[str | None]]] = defaultdict(set)

    def tell(self, session: str, kind: str, data: dict[str, Any]) -> None:
        """Send an event to the pages of a session."""
        text = event_text(kind, data)
        for page in list(self.pages.get(session, ())):
            if page.qsize() >= BEHIND:
                self.pages[session].discard(page)
                page.put_nowait(None)
            else:
                page.put_nowait(text)

    async def stream(self, session: str, first: Callable[[], str]) -> AsyncIterator[str]:
        """Yield what a page is told, beginning with `first`, until it goes or lags too far behind.

        Args:
            session: Whose page it is.
            first: Writes the event that says how everything stands; called once the page listens, so that no
                change falls between the two.
        """
        page: asyncio.Queue[str | None] = asyncio.Queue()
        self.pages[session].add(page)
        try:
            yield first()
            while True:
                try:
                    text = await asyncio.wait_for(page.get(), HEARTBEAT_S)
                except TimeoutError:
                    text = ": still here\n\n"
                if text is None:
                    return
                yield text
        finally:
            self.pages[session].discard(page)
            if not self.pages[session]:
                del self.pages[session]

    def close(self) -> None:
        """End all streams."""
        for pages in self.pages.values():
            for page in pages:
                page.put_nowait(None)


def event_text(kind: str, data: dict[str, Any]) -> str:
    """Write a server-sent event."""
    return f"event: {kind}\ndata: {to_json(data)}\n\n"


def to_json(data: Any) -> str:
    """Write plain values and dataclasses as JSON."""
    return json.dumps(data, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")
