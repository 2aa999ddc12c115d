"""A studio in a process of its own: versions are written, kept and refused; nothing hangs or gets lost."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from musicgen.music.midi import read_midi
from tests.music.midi.test_fuzz import broken
from tests.studio.running import Person, RunningStudio, is_alive, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def own_studio(tiny_run: Path, tmp_path: Path):
    studio = RunningStudio(tiny_run, tmp_path / "pieces", "waiting=6")
    yield studio
    if studio.process.poll() is None:
        studio.kill()


def ids_of(answer: tuple[int, dict]) -> list[str]:
    status, content = answer
    assert status == 202, content
    return [piece["id"] for piece in content["pieces"]]


def test_versions_are_written_shown_and_kept(person: Person):
    events = person.events()
    assert next(events)[0] == "standing"
    ids = ids_of(person.write(versions=2, seed=5))
    seen: dict[str, list[str]] = {name: [] for name in ids}
    for kind, data in events:
        if kind == "piece" and data["piece"]["id"] in seen:
            seen[data["piece"]["id"]].append(data["piece"]["state"])
        if all(states[-1:] == ["done"] for states in seen.values()):
            break
    assert seen[ids[0]] == ["writing", "done"]
    first, second = person.finished(ids)
    assert [first["settings"]["seed"], second["settings"]["seed"]] == [5, 6]
    rows = {name: person.ask("GET", f"/api/pieces/{name}/notes")[1] for name in ids}
    assert rows[ids[0]] != rows[ids[1]]
    [again] = person.finished(ids_of(person.write(seed=6)))
    assert read_midi(person.get(f"/api/pieces/{again['id']}/files/played.mid")).pitch.tolist() == (
        read_midi(person.get(f"/api/pieces/{ids[1]}/files/played.mid")).pitch.tolist()
    )


def test_a_run_says_what_it_can_be_asked(person: Person):
    status, _ = person.ask("GET", "/api/offer?run=nowhere")
    assert status == 404
    assert b"context_quarters" in person.get(f"/api/offer?run={person.studio.run.name}")


def test_two_people_do_not_mix(person: Person, shared_studio: RunningStudio):
    [piece] = person.finished(ids_of(person.write()))
    other = Person(shared_studio)
    assert other.pieces() == {}
    for method, path in (
        ("GET", f"/api/pieces/{piece['id']}/notes"),
        ("GET", f"/api/pieces/{piece['id']}/files/played.mid"),
        ("GET", f"/api/pieces/{piece['id']}/sound?from=0&to=1"),
        ("GET", f"/api/pieces/{piece['id']}/score"),
        ("DELETE", f"/api/pieces/{piece['id']}"),
        ("POST", f"/api/pieces/{piece['id']}/cancel"),
        ("POST", f"/api/pieces/{piece['id']}/restore"),
    ):
        assert other.ask(method, path)[0] == 404, path
    assert other.write(kind="continue", piece=piece["id"])[0] == 404
    assert piece["id"] in person.pieces()


def test_edits_are_kept_once_each_and_can_be_taken_back(person: Person):
    [piece] = person.finished(ids_of(person.write()))
    path = f"/api/pieces/{piece['id']}"
    edit = {"revision": 0, "rows": [[60, 0, 1, 80], [64, 1, 2, 70]], "locked": [[60, 0]]}
    status, answer = person.send("PUT", f"{path}/notes", edit)
    assert (status, answer["piece"]["revision"], answer["piece"]["notes"]) == (200, 1, 2)
    status, reason = person.send("PUT", f"{path}/notes", edit)
    assert status == 409
    assert "another window" in reason
    assert person.send("PUT", f"{path}/notes", {"revision": 1, "rows": [[60, 0]]})[0] == 400
    assert person.ask("PUT", f"{path}/notes", body=b"{")[0] == 400
    status, answer = person.send("POST", f"{path}/restore", None)
    assert answer["piece"]["notes"] == piece["notes"]


def test_what_is_too_much_is_refused_with_the_reason(person: Person):
    for asked, status, words in (
        ({"quarters": 100_000}, 400, "from 1 to 512"),
        ({"versions": 40}, 400, "from 1 to 4"),
        ({"run": "nowhere"}, 404, "there is no run"),
        ({"kind": "continue", "piece": "x" * 20}, 404, "no such piece"),
    ):
        answer = person.write(**asked)
        assert answer[0] == status
        assert words in answer[1]
    assert person.ask("POST", "/api/files?name=a.mid", body=b"x" * (5 << 20))[0] == 413


def test_other_sites_are_refused(person: Person):
    body = b'{"run": "run"}'
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}):
        assert person.ask("POST", "/api/versions", body=body, headers=headers)[0] == 403


def test_files_come_in_through_the_reader_and_stay_in_the_folder(person: Person, midi_folder: Path):
    folder = person.studio.folder
    before = {path for path in folder.parent.rglob("*") if folder not in path.parents}
    data = sorted(midi_folder.glob("*.mid"))[0].read_bytes()
    status, content = person.ask("POST", "/api/files?name=../../../evil%00%2f.mid", body=data)
    assert status == 201, content
    read = 0
    for changed in broken([data], 40, seed=3):
        status, content = person.ask("POST", "/api/files?name=b.mid", body=changed)
        assert status in (201, 400), content
        read += status == 201
    assert 0 < read < 40
    assert len(person.pieces()) == read + 1
    assert {path for path in folder.parent.rglob("*") if folder not in path.parents} == before


def test_a_file_is_continued_and_kept_as_it_was(person: Person, midi_folder: Path):
    data = sorted(midi_folder.glob("*.mid"))[0].read_bytes()
    person.ask("POST", "/api/files?name=mine.mid", body=data)
    mine = next(piece for piece in person.pieces().values() if piece["name"] == "mine")
    [longer] = person.finished(ids_of(person.write(kind="continue", piece=mine["id"], quarters=8)))
    assert longer["state"] == "done", longer["reason"]
    assert longer["span"][0] == 16
    source = read_midi(data)
    kept = read_midi(person.get(f"/api/pieces/{longer['id']}/files/played.mid")).between_quarters(0, 16)
    assert kept.pitch.tolist() == source.pitch.tolist()
    assert kept.velocity.tolist() == source.velocity.tolist()


def test_a_part_is_filled_and_varied_and_the_rest_stays(person: Person, midi_folder: Path):
    data = sorted(midi_folder.glob("*.mid"))[1].read_bytes()
    _, content = person.ask("POST", "/api/files?name=mine.mid", body=data)
    mine = json.loads(content)["piece"]["id"]
    source = json.loads(person.get(f"/api/pieces/{mine}/notes"))["rows"]
    locked = [source[25][:2]]
    assert 4 <= locked[0][1] < 8
    edit = {"revision": 0, "rows": source, "locked": locked}
    assert person.send("PUT", f"/api/pieces/{mine}/notes", edit)[0] == 200
    ids = [
        name
        for kind in ("fill", "vary")
        for name in ids_of(person.write(kind=kind, piece=mine, span=[4, 8], share=0.5))
    ]
    for piece in person.finished(ids):
        assert piece["state"] == "done", piece["reason"]
        assert piece["span"] == [4, 8]
        rows = json.loads(person.get(f"/api/pieces/{piece['id']}/notes"))["rows"]
        assert [row for row in rows if not 4 <= row[1] < 8] == [row for row in source if not 4 <= row[1] < 8]
        assert source[25] in rows
        assert piece["locked"] == locked


@pytest.mark.gate
def test_a_full_queue_refuses_and_what_it_took_is_written(own_studio: RunningStudio):
    person = Person(own_studio)
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(Person.write(person, quarters=64))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 20
    taken = [content for status, content in answers if status == 202]
    refused = [content for status, content in answers if status == 429]
    assert len(taken) + len(refused) == 20
    assert len(taken) >= 6
    assert refused
    assert "try again when some are done" in refused[0]
    pieces = person.finished([content["pieces"][0]["id"] for content in taken])
    assert {piece["state"] for piece in pieces} == {"done"}


def test_versions_can_be_cancelled(own_studio: RunningStudio):
    person = Person(own_studio)
    ids = ids_of(person.write(quarters=512, versions=3))
    for name in reversed(ids):
        assert person.ask("POST", f"/api/pieces/{name}/cancel")[0] == 204
    assert [piece["state"] for piece in person.finished(ids)] == ["cancelled"] * 3
    assert person.finished(ids_of(person.write()))[0]["state"] == "done"
    assert person.ask("DELETE", f"/api/pieces/{ids[0]}")[0] == 204
    assert ids[0] not in person.pieces()


@pytest.mark.gate
def test_a_killed_sampling_process_loses_nothing(own_studio: RunningStudio):
    person = Person(own_studio)
    person.finished(ids_of(person.write()))  # its process runs
    ids = ids_of(person.write(quarters=256, versions=2))
    for pid in own_studio.children():
        os.kill(pid, signal.SIGKILL)
    pieces = person.finished(ids)
    assert [piece["state"] for piece in pieces] == ["done", "done"], pieces
    assert pieces[0]["attempts"] == 2


@pytest.mark.gate
def test_a_killed_studio_goes_on_where_it_was(own_studio: RunningStudio):
    person = Person(own_studio)
    done = ids_of(person.write())
    before = person.finished(done)
    ids = ids_of(person.write(quarters=64, versions=2))
    children = own_studio.children()
    assert children
    own_studio.kill()
    wait_until(lambda: not any(map(is_alive, children)))
    own_studio.start()
    assert [person.pieces()[name]["notes"] for name in done] == [piece["notes"] for piece in before]
    assert {piece["state"] for piece in person.finished(ids)} == {"done"}


def test_a_second_studio_does_not_take_the_same_folder(own_studio: RunningStudio):
    with pytest.raises(AssertionError, match="used by a studio that runs"):
        RunningStudio(own_studio.run, own_studio.folder)


def test_it_ends_quietly_with_open_pages(own_studio: RunningStudio):
    events = Person(own_studio).events()
    assert next(events)[0] == "standing"
    assert own_studio.stop() == 0


@pytest.mark.long
def test_two_hundred_requests_in_a_row_leave_memory_flat(own_studio: RunningStudio):
    person = Person(own_studio)
    grown = []
    for round_ in range(200):
        [piece] = person.finished(ids_of(person.write(seed=round_, quarters=4)))
        assert piece["state"] == "done", piece
        person.get(f"/api/pieces/{piece['id']}/sound?from=0&to=2")
        assert person.ask("DELETE", f"/api/pieces/{piece['id']}")[0] == 204
        grown.append(own_studio.memory_bytes())
    assert max(grown[150:]) < 1.1 * max(grown[30:60])
    assert person.pieces() == {}
