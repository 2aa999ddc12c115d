// What a person does to notes: select, move, lengthen, delete, lock, undo. Kept on the server soon after.

import { sendJson } from "./api.js";
import { store } from "./store.js";

const STEP = 1 / 32;
const [LOWEST, HIGHEST] = [21, 108];
const DEPTH = 200;
const KEEP_AFTER_MS = 350;

export class Editor extends EventTarget {
  selected = new Set(); // indices of notes
  cursor = -1; // the note that the keyboard is at
  mark = null; // [begin, end] in quarters
  histories = new Map(); // by piece: {past, future}
  timer = null;
  keeping = null; // the request under way
  unkept = new Set(); // pieces whose last edit the server does not have

  get notes() {
    return store.content()?.notes ?? [];
  }

  get canEdit() {
    const piece = store.piece();
    return piece !== null && !store.isUnfinished(piece) && store.content() !== null;
  }

  history(id = store.current) {
    if (!this.histories.has(id)) this.histories.set(id, { past: [], future: [] });
    return this.histories.get(id);
  }

  opened() {
    this.selected.clear();
    this.cursor = -1;
    this.mark = null;
    this.changed();
  }

  select(indices, { add = false } = {}) {
    if (!add) this.selected.clear();
    for (const index of indices) this.selected.add(index);
    this.cursor = [...indices].at(-1) ?? (add ? this.cursor : -1);
    this.changed();
  }

  toggle(index) {
    if (!this.selected.delete(index)) this.selected.add(index);
    this.cursor = index;
    this.changed();
  }

  step(direction, { extend = false } = {}) {
    if (!this.notes.length) return;
    const from = this.cursor < 0 ? (direction > 0 ? -1 : this.notes.length) : this.cursor;
    const to = Math.max(0, Math.min(this.notes.length - 1, from + direction));
    this.select([to], { add: extend });
  }

  setMark(mark) {
    this.mark = mark && mark[1] - mark[0] >= STEP ? mark : null;
    this.changed();
  }

  markSelection() {
    const chosen = [...this.selected].map((index) => this.notes[index]);
    if (!chosen.length) return;
    const begin = Math.floor(Math.min(...chosen.map((note) => note.onset)));
    const end = Math.ceil(Math.max(...chosen.map((note) => note.onset + note.duration)));
    this.setMark([begin, end]);
  }

  // Change the selected notes by a function; notes that are locked stay as they are.
  transform(change) {
    if (!this.canEdit || !this.selected.size) return;
    const chosen = this.selected;
    const changed = this.notes.map((note, index) => {
      if (!chosen.has(index) || note.locked) return note;
      return { ...note, ...change(note) };
    });
    this.replace(changed, chosen);
  }

  move(quarters, semitones) {
    const chosen = [...this.selected].map((index) => this.notes[index]).filter((note) => !note.locked);
    if (!chosen.length) return;
    const earliest = Math.min(...chosen.map((note) => note.onset));
    const low = Math.min(...chosen.map((note) => note.pitch));
    const high = Math.max(...chosen.map((note) => note.pitch));
    const along = Math.max(-earliest, quarters);
    const up = Math.max(LOWEST - low, Math.min(HIGHEST - high, semitones));
    if (along || up) this.transform((note) => ({ onset: note.onset + along, pitch: note.pitch + up }));
  }

  lengthen(quarters) {
    this.transform((note) => ({ duration: Math.max(STEP, note.duration + quarters) }));
  }

  remove() {
    if (!this.canEdit) return;
    const kept = this.notes.filter((note, index) => !this.selected.has(index) || note.locked);
    if (kept.length < this.notes.length) this.replace(kept, new Set());
  }

  lock() {
    if (!this.canEdit || !this.selected.size) return;
    const all = [...this.selected].every((index) => this.notes[index].locked);
    const changed = this.notes.map((note, index) => (this.selected.has(index) ? { ...note, locked: !all } : note));
    this.replace(changed, this.selected);
  }

  replace(notes, chosen) {
    const history = this.history();
    history.past.push(this.notes);
    if (history.past.length > DEPTH) history.past.shift();
    history.future = [];
    this.put(notes, chosen);
  }

  undo() {
    const history = this.history();
    if (!this.canEdit || !history.past.length) return;
    history.future.push(this.notes);
    this.put(history.past.pop(), new Set());
  }

  redo() {
    const history = this.history();
    if (!this.canEdit || !history.future.length) return;
    history.past.push(this.notes);
    this.put(history.future.pop(), new Set());
  }

  // Show changed notes in order, the chosen ones still selected, and keep them soon.
  put(notes, chosen) {
    const order = notes.map((note, index) => ({ note, index }));
    order.sort((one, other) => one.note.onset - other.note.onset || one.note.pitch - other.note.pitch);
    const content = store.content();
    content.notes = order.map(({ note }) => note);
    this.selected = new Set(order.flatMap(({ index }, place) => (chosen.has(index) ? [place] : [])));
    this.cursor = this.selected.size ? [...this.selected][0] : -1;
    this.unkept.add(store.current);
    store.edited.add(store.current);
    this.changed();
    store.say("notes", { id: store.current });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), KEEP_AFTER_MS);
  }

  // Send what the server does not have yet, one piece after the other.
  async keep() {
    clearTimeout(this.timer);
    while (this.keeping) await this.keeping;
    const id = this.unkept.values().next().value;
    if (id === undefined) return;
    this.unkept.delete(id);
    this.keeping = this.send(id);
    try {
      await this.keeping;
    } finally {
      this.keeping = null;
      if (!this.unkept.has(id)) store.edited.delete(id);
    }
    if (this.unkept.size && !this.failed) await this.keep();
  }

  async send(id) {
    const content = store.contents.get(id);
    if (!content) return;
    this.failed = false;
    const { notes, revision } = content;
    const rows = notes.map(({ pitch, onset, duration, velocity }) => [pitch, onset, duration, velocity]);
    const locked = notes.filter((note) => note.locked).map(({ pitch, onset }) => [pitch, onset]);
    try {
      const { piece } = await sendJson("PUT", `/api/pieces/${id}/notes`, { revision, rows, locked });
      content.revision = piece.revision;
      store.put(piece);
      this.dispatchEvent(new CustomEvent("kept", { detail: { id } }));
    } catch (refusal) {
      this.failed = true;
      if (refusal.status === 0) this.unkept.add(id); // sent again when the studio answers
      else await this.forget(id);
      this.dispatchEvent(new CustomEvent("refused", { detail: refusal }));
    }
  }

  async forget(id) {
    this.histories.delete(id);
    store.edited.delete(id);
    store.contents.delete(id);
    await store.load(id).catch(() => {});
    this.opened();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

export { STEP };
