"""The composers' page in a real browser: write, hear, edit, take away, and go on after a crash."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from musicgen.music.midi import read_midi, write_midi
from tests.conftest import etude
from tests.reports.chromium import Page, browser_page
from tests.studio.running import RunningStudio

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ALL_DONE = "[...studio.store.pieces.values()].every((piece) => piece.state === 'done')"
UNNAMED = """
[...document.querySelectorAll("button, a, input, select, summary, [tabindex]")].filter((one) => {
  const labels = [...(one.labels ?? [])].map((label) => label.textContent).join("");
  return one.checkVisibility() && !(one.getAttribute("aria-label") || labels || one.textContent).trim();
}).map((one) => one.outerHTML.slice(0, 120))
"""
FADED = """
(() => {
  const number = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const color = number(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const texts = "p, label, button:not(:disabled), h1, h2, h3, small, a, legend, output";
  return [...document.querySelectorAll(texts)]
    .filter((one) => one.checkVisibility() && one.textContent.trim() && !one.closest(".unseen, .skip"))
    .flatMap((one) => {
      const [front, back] = [light(number(getComputedStyle(one).color)), light(ground(one))];
      const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
      return contrast < 4.5 ? [`${contrast.toFixed(1)} ${one.outerHTML.slice(0, 80)}`] : [];
    });
})()
"""


@pytest.fixture(scope="module")
def studio(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    studio = RunningStudio(tiny_run, tmp_path_factory.mktemp("page") / "pieces")
    yield studio
    if studio.process.poll() is None:
        studio.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with browser_page() as page:
        page.deadline_s = 120
        yield page


@pytest.fixture
def page(browser: Page, studio: RunningStudio) -> Page:
    browser.wait_for("!window.studio || !studio.store.edited.size")  # else the browser asks before it leaves
    browser.call("Network.clearBrowserCookies")
    opened(browser, studio)
    browser.complaints.clear()
    return browser


def opened(page: Page, studio: RunningStudio, **view: Any) -> None:
    page.visit(studio.address + "/", width=view.pop("width", 1400), height=1000, **view)
    page.wait_for("document.getElementById('write').dataset.ready", 60)


def click(page: Page, name: str) -> None:
    page.ask(f"document.getElementById('{name}').click()")


def written(page: Page, *, quarters: int = 16, versions: int = 1) -> list[str]:
    """Write versions of a new piece and return their ids."""
    page.ask(
        f"""(() => {{
          document.getElementById("quarters").value = {quarters};
          document.getElementById("versions").value = {versions};
          document.getElementById("seed").value = 1;
        }})()"""
    )
    click(page, "write")
    page.wait_for(f"studio.store.pieces.size >= {versions} && {ALL_DONE}", 90)
    page.wait_for("studio.store.content()?.state === 'done'")
    ids = page.ask("[...studio.store.pieces.keys()]")
    assert isinstance(ids, list)
    return ids


def file_dropped(page: Page, path: Path) -> None:
    """Choose a file on the page as a person does."""
    document = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=document, selector="#file")["nodeId"]
    page.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])


def brought(page: Page, folder: Path) -> list[str]:
    """Bring a piece with notes in every quarter, whatever a hardly trained network would write."""
    write_midi(etude(0), folder / "brought.mid")
    file_dropped(page, folder / "brought.mid")
    page.wait_for("studio.store.content()?.notes.length === 80")
    ids = page.ask("[...studio.store.pieces.keys()]")
    assert isinstance(ids, list)
    return ids


def test_the_first_version_sounds_while_others_are_written(page: Page):
    page.ask("document.getElementById('quarters').value = 64")
    click(page, "write")
    page.wait_for("studio.player.playing && !studio.player.waiting && studio.player.sources.size > 0", 60)
    page.wait_for(f"studio.store.pieces.size === 4 && {ALL_DONE}", 90)
    assert page.ask("document.querySelectorAll('.version').length") == 4
    before = page.ask("studio.player.position")
    page.wait_for(f"studio.player.position > {before}")
    page.key("Space")
    assert page.ask("studio.player.playing") is False
    page.ask("studio.player.seek(5)")
    assert page.ask("document.getElementById('time').textContent") == "0:05"
    assert page.complaints == []


def test_an_edit_is_not_lost_to_a_reading_that_began_before_it(page: Page, tmp_path: Path):
    brought(page, tmp_path)
    locked = """(async () => {
      const { store, editor } = studio, id = store.current, known = store.contents.get(id);
      store.contents.delete(id);
      const reading = store.load(id);
      store.contents.set(id, known);
      editor.select([0]);
      editor.lock();
      await reading;
      return editor.notes[0].locked;
    })()"""
    assert page.ask(locked) is True


def test_notes_are_locked_moved_lengthened_deleted_and_all_is_undone(page: Page, tmp_path: Path):
    [name] = brought(page, tmp_path)
    notes = page.ask("studio.editor.notes.length")
    page.ask("document.getElementById('roll').focus(); studio.editor.select([0])")
    first = page.ask("studio.editor.notes[0].pitch")
    page.key("l")
    assert page.ask("studio.editor.notes[0].locked") is True
    page.ask("studio.editor.move(0, 5)")
    assert page.ask("studio.editor.notes[0].pitch") == first  # locked
    page.ask("studio.editor.select([1])")
    pitch, onset = page.ask("studio.editor.notes[1].pitch"), page.ask("studio.editor.notes[1].onset")
    page.ask("studio.editor.move(1, 2)")
    moved = f"studio.editor.notes.some((note) => note.pitch === {pitch} + 2 && note.onset === {onset} + 1)"
    assert page.ask(moved) is True
    click(page, "longer")
    click(page, "delete")
    assert page.ask("studio.editor.notes.length") == notes - 1
    page.wait_for("!studio.editor.unkept.size && !studio.editor.keeping && studio.store.piece().revision > 0")
    for _ in range(4):
        click(page, "undo")
    assert page.ask("document.getElementById('undo').disabled") is True
    assert page.ask("studio.editor.notes.filter((note) => note.locked).length") == 0
    page.wait_for("!studio.editor.unkept.size && !studio.editor.keeping")
    kept = page.ask(f"fetch('/api/pieces/{name}/notes').then((answer) => answer.json())")
    assert isinstance(kept, dict)
    assert (len(kept["rows"]), kept["locked"]) == (notes, [])
    assert page.complaints == []


def test_the_pointer_selects_moves_and_marks(page: Page):
    written(page)
    page.ask("studio.roll.element.scrollIntoView({block: 'center'})")
    page.ask("studio.roll.drawNow()")
    place = page.ask(
        """(() => {
          const {roll} = studio, note = roll.notes[0], box = roll.canvas.getBoundingClientRect();
          return [box.left + roll.x(note.onset) + 1, box.top + roll.y(note.pitch) + roll.rowHeight / 2,
            box.left + roll.x(0), box.top + 8, roll.quarterWidth, roll.rowHeight];
        })()"""
    )
    assert isinstance(place, list)
    x, y, left, ruler, wide, high = place
    page.drag((x, y), (x, y))
    assert page.ask("[...studio.editor.selected]") == [0]
    pitch = page.ask("studio.editor.notes[0].pitch")
    page.drag((x, y), (x + wide, y - 3 * high))
    assert page.ask(f"studio.editor.notes.some((note) => note.pitch === {pitch} + 3)") is True
    page.drag((left + 2.2 * wide, ruler), (left + 5.5 * wide, ruler))
    assert page.ask("studio.editor.mark") == [2, 6]
    assert "Quarters 3 to 6" in str(page.ask("document.getElementById('mark-said').textContent"))
    page.drag((left + 8 * wide, ruler), (left + 8 * wide, ruler))
    assert page.ask("studio.player.position") == pytest.approx(5.0, abs=0.3)


def test_the_keyboard_reaches_notes_and_says_what_they_are(page: Page, tmp_path: Path):
    brought(page, tmp_path)
    page.ask("document.getElementById('roll').focus()")
    page.key("ArrowRight")
    page.key("ArrowRight")
    assert page.ask("[...studio.editor.selected]") == [1]
    said = str(page.ask("document.getElementById('note-said').textContent"))
    assert "bar" in said
    assert "beat" in said
    page.key("ArrowLeft")
    assert page.ask("[...studio.editor.selected]") == [0]
    assert page.ask(UNNAMED) == []


def test_files_can_be_taken_away(page: Page, tmp_path: Path):
    [name] = written(page)
    page.call("Browser.setDownloadBehavior", session=None, behavior="allow", downloadPath=str(tmp_path))
    page.ask("document.querySelector('#files a').click()")
    page.wait_for("true")
    for _ in range(100):
        found = list(tmp_path.glob("*.mid"))
        if found:
            break
        page.ask("new Promise((done) => setTimeout(done, 100))")
    assert len(read_midi(found[0])) == page.ask("studio.editor.notes.length")
    dragged = page.ask(
        """(() => {
          const data = new DataTransfer();
          const event = new DragEvent("dragstart", {dataTransfer: data, bubbles: true});
          document.querySelector("#files a").dispatchEvent(event);
          return data.getData("DownloadURL");
        })()"""
    )
    assert str(dragged).startswith("audio/midi:")
    assert str(dragged).endswith(f"/api/pieces/{name}/files/played.mid")


def test_a_file_is_brought_and_continued(page: Page, midi_folder: Path, tmp_path: Path):
    mine, bad = tmp_path / "mine.mid", tmp_path / "bad.mid"
    shutil.copy(sorted(midi_folder.glob("*.mid"))[0], mine)
    bad.write_bytes(b"no music")
    file_dropped(page, bad)
    page.wait_for("document.getElementById('bring-said').textContent.includes('cannot be read')")
    page.complaints.clear()  # the browser notes the refusal
    file_dropped(page, mine)
    page.wait_for("studio.store.content()?.notes.length === 80")
    page.ask("document.getElementById('quarters').value = 8; document.getElementById('versions').value = 1")
    click(page, "continue")
    page.wait_for(f"studio.store.pieces.size === 2 && {ALL_DONE}", 90)
    page.wait_for("studio.store.content()?.state === 'done'")
    assert page.ask("studio.store.content().notes.filter((note) => note.onset < 16).length") == 80
    assert page.ask("studio.store.piece().span[0]") == 16
    assert page.complaints == []


def test_a_marked_part_is_filled_around_locked_notes(page: Page, tmp_path: Path):
    [name] = brought(page, tmp_path)
    before = page.ask("studio.editor.notes.map((note) => [note.pitch, note.onset])")
    assert isinstance(before, list)
    locked = next(index for index, (_, onset) in enumerate(before) if 4 <= onset < 8)
    page.ask(f"studio.editor.select([{locked}]); studio.editor.lock(); studio.editor.setMark([4, 8])")
    page.ask("document.getElementById('versions').value = 1")
    click(page, "fill")
    page.wait_for(f"studio.store.pieces.size === 2 && {ALL_DONE}", 90)
    page.wait_for("studio.store.content()?.state === 'done'")
    assert page.ask("studio.store.piece().parent") == name
    after = page.ask("studio.editor.notes.map((note) => [note.pitch, note.onset])")
    assert isinstance(after, list)
    assert [note for note in after if not 4 <= note[1] < 8] == [
        note for note in before if not 4 <= note[1] < 8
    ]
    assert before[locked] in after
    assert page.ask("studio.editor.notes.filter((note) => note.locked).length") == 1
    assert page.complaints == []


def test_a_keyboard_is_recorded(page: Page):
    page.ask(
        """(() => {
          const input = {onmidimessage: null};
          navigator.requestMIDIAccess = async () => ({inputs: new Map([["1", input]])});
          window.press = (...data) => input.onmidimessage({data, timeStamp: performance.now()});
        })()"""
    )
    click(page, "record")
    page.wait_for("document.getElementById('record').textContent.startsWith('Stop')")
    page.ask("press(0xb0, 64, 127); press(0x90, 60, 90); press(0x90, 64, 70)")
    page.ask("new Promise((done) => setTimeout(done, 200))")
    page.ask("press(0x80, 60, 0); press(0x90, 64, 0)")
    click(page, "record")
    page.wait_for("studio.store.piece()?.kind === 'recording' && studio.editor.notes.length === 2")
    assert page.ask("studio.editor.notes.map((note) => note.pitch)") == [60, 64]


def test_a_reload_shows_everything_again(page: Page, studio: RunningStudio):
    ids = written(page, versions=2)
    page.ask(f"document.querySelector('[data-id=\"{ids[1]}\"] .open').click()")
    opened(page, studio)
    page.wait_for("studio.store.content()?.state === 'done'")
    assert page.ask("studio.store.current") == ids[1]
    assert page.ask("document.querySelectorAll('.version').length") == 2


@pytest.mark.gate
def test_a_killed_studio_is_noticed_and_found_again_with_all_pieces(page: Page, studio: RunningStudio):
    written(page)
    studio.kill()
    page.wait_for("document.getElementById('connection').classList.contains('bad')", 30)
    page.ask("studio.editor.select([0]); studio.editor.move(0, 1)")  # kept, and sent later
    page.ask("new Promise((done) => setTimeout(done, 600))")
    studio.start()
    page.wait_for("document.getElementById('connection').textContent.includes('started again')", 60)
    page.wait_for("studio.store.piece().revision === 1 && !studio.editor.unkept.size", 30)
    assert page.ask("studio.store.pieces.size") == 1


@pytest.mark.parametrize(("width", "dark"), [(420, False), (420, True), (1400, False), (1400, True)])
def test_nothing_is_cut_off_or_faded(page: Page, studio: RunningStudio, width: int, dark: bool):
    written(page, versions=2)
    opened(page, studio, width=width, dark=dark)
    page.wait_for("studio.store.content()?.state === 'done'")
    assert page.ask("document.documentElement.scrollWidth") == width
    assert page.ask(FADED) == []


def test_the_score_is_engraved_when_it_is_seen(page: Page):
    written(page)
    page.ask("document.getElementById('score-card').scrollIntoView()")
    page.wait_for("document.querySelector('#score img')?.naturalWidth > 0", 30)
    assert "page 1 of 1" in str(page.ask("document.querySelector('#score img').alt"))


def test_nothing_is_asked_of_any_other_machine(page: Page, studio: RunningStudio):
    page.requests.clear()
    opened(page, studio)
    assert page.requests
    assert all(url.startswith((studio.address, "blob:", "data:")) for url in page.requests)
