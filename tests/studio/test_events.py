"""What pages are told: each person their own, nothing between the first event and the rest."""

import asyncio
import json

from musicgen.studio.server.events import BEHIND, Events


def told(text: str) -> tuple[str, object]:
    kind, data = text.strip().split("\n")
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_each_person_hears_their_own_and_all_that_comes_after_the_first_event():
    async def listen() -> list[tuple[str, object]]:
        events = Events()

        def first() -> str:
            events.tell("ada", "piece", {"n": 1})  # a change while the first event is written
            return 'event: standing\ndata: {"n": 0}\n\n'

        stream = events.stream("ada", first)
        heard = [told(await anext(stream))]
        events.tell("ben", "piece", {"n": 9})
        events.tell("ada", "piece", {"n": 2})
        heard += [told(await anext(stream)), told(await anext(stream))]
        events.close()
        assert [text async for text in stream] == []
        assert not events.pages
        return heard

    assert asyncio.run(listen()) == [("standing", {"n": 0}), ("piece", {"n": 1}), ("piece", {"n": 2})]


def test_a_page_that_lags_is_cut_off_and_reads_anew():
    async def lag() -> int:
        events = Events()
        stream = events.stream("ada", lambda: "event: standing\ndata: 0\n\n")
        await anext(stream)
        for number in range(2 * BEHIND):
            events.tell("ada", "piece", {"n": number})
        return len([text async for text in stream])

    assert asyncio.run(lag()) == BEHIND
