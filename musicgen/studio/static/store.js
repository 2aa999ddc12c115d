// What the page knows: pieces, their notes, and which one is on the desk.

import { getJson } from "./api.js";

const noteOf = ([pitch, onset, duration, velocity]) => ({ pitch, onset, duration, velocity, locked: false });

class Store extends EventTarget {
  pieces = new Map(); // by id
  contents = new Map(); // by id: {revision, notes, clock, bars}
  progress = new Map(); // by id: {quarters, total}
  edited = new Set(); // pieces whose notes here are newer than the server's
  current = null;

  say(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  piece(id = this.current) {
    return this.pieces.get(id) ?? null;
  }

  content(id = this.current) {
    return this.contents.get(id) ?? null;
  }

  isUnfinished(piece) {
    return piece.state === "waiting" || piece.state === "writing";
  }

  take(pieces) {
    this.pieces = new Map(pieces.map((piece) => [piece.id, piece]));
    for (const id of this.contents.keys()) if (!this.pieces.has(id)) this.contents.delete(id);
    if (this.current && !this.pieces.has(this.current)) this.current = null;
    this.say("pieces");
  }

  put(piece) {
    const before = this.pieces.get(piece.id);
    this.pieces.set(piece.id, piece);
    if (!this.isUnfinished(piece)) this.progress.delete(piece.id);
    this.say("piece", { piece, before });
    this.say("pieces");
  }

  drop(id) {
    const piece = this.pieces.get(id);
    this.pieces.delete(id);
    this.contents.delete(id);
    if (this.current === id) {
      const rest = piece ? this.family(piece) : [];
      this.open(rest.at(-1)?.id ?? null);
    }
    this.say("pieces");
  }

  open(id) {
    this.current = id;
    if (id) localStorage.setItem("piece", id);
    this.say("opened", { id });
    this.say("pieces");
  }

  // The first piece that another one was made from, over any number of steps.
  root(piece) {
    const seen = new Set();
    while (piece.parent && this.pieces.has(piece.parent) && !seen.has(piece.id)) {
      seen.add(piece.id);
      piece = this.pieces.get(piece.parent);
    }
    return piece;
  }

  // All versions that belong together: a request's, and what was made from them.
  family(piece) {
    const group = this.root(piece).group;
    return [...this.pieces.values()].filter((one) => this.root(one).group === group);
  }

  families() {
    const found = new Map();
    for (const piece of this.pieces.values()) {
      const group = this.root(piece).group;
      if (!found.has(group)) found.set(group, []);
      found.get(group).push(piece);
    }
    const newest = (pieces) => Math.max(...pieces.map((piece) => piece.created));
    return [...found.values()].sort((one, other) => newest(other) - newest(one));
  }

  // Read the notes of a piece, unless they are known in this revision.
  async load(id) {
    const piece = this.pieces.get(id);
    const known = this.contents.get(id);
    if (!piece || (known && known.revision === piece.revision && known.state === piece.state)) return known;
    const state = piece.state;
    const read = await getJson(`/api/pieces/${id}/notes`);
    const present = this.contents.get(id); // another reading may have come first, and been edited since
    if (this.edited.has(id) && present) return present;
    const locked = new Set(read.locked.map(([pitch, onset]) => `${pitch} ${onset}`));
    const notes = read.rows.map(noteOf);
    for (const note of notes) note.locked = locked.has(`${note.pitch} ${note.onset}`);
    const content = { revision: read.revision, state, notes, clock: read.clock, bars: read.bars };
    this.contents.set(id, content);
    this.say("notes", { id });
    return content;
  }

  // Take in what has been added to a version that is being written.
  draft({ id, size, keep, add, quarters, total }) {
    this.progress.set(id, { quarters, total });
    const known = this.contents.get(id);
    if (!known) {
      if (size === 0) this.contents.set(id, this.begun(id, add.map(noteOf)));
      else this.load(id).catch(() => {});
    } else if (known.notes.length === size) {
      known.notes = [...known.notes.slice(0, keep), ...add.map(noteOf)];
    } else {
      this.contents.delete(id);
      this.load(id).catch(() => {});
    }
    this.say("draft", { id });
    this.say("notes", { id });
  }

  begun(id, notes) {
    const piece = this.pieces.get(id);
    const parent = piece?.parent ? this.contents.get(piece.parent) : null;
    const second = 60 / (piece?.settings.tempo_bpm ?? 120);
    const clock = parent?.clock ?? [[0, 0], [1, second]];
    return { revision: 0, state: "writing", notes, clock, bars: parent?.bars ?? [] };
  }
}

export const store = new Store();

// Places in quarters and in seconds, along the lines between the points of a clock.
export function secondsAt(clock, quarter) {
  return along(clock, quarter, 0, 1);
}

export function quarterAt(clock, second) {
  return along(clock, second, 1, 0);
}

function along(points, value, from, to) {
  if (!points || points.length < 2) return from === 0 ? value / 2 : value * 2;
  let index = 1;
  while (index < points.length - 1 && points[index][from] < value) index += 1;
  const [before, after] = [points[index - 1], points[index]];
  const share = (value - before[from]) / (after[from] - before[from] || 1);
  return before[to] + share * (after[to] - before[to]);
}

export function endOf(notes) {
  return notes.reduce((end, note) => Math.max(end, note.onset + note.duration), 0);
}

export function clockText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

const NAMES = ["C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B"];
export function pitchName(pitch) {
  return `${NAMES[pitch % 12]} ${Math.floor(pitch / 12) - 1}`;
}

// The bar and beat of a place, counted from 1.
export function placeText(bars, quarter) {
  let bar = 0;
  while (bar + 1 < bars.length && bars[bar + 1] <= quarter + 1e-6) bar += 1;
  const begin = bars.length ? bars[bar] : 0;
  const extra = bar + 1 === bars.length || !bars.length ? Math.floor((quarter - begin) / 4 + 1e-6) : 0;
  const beat = quarter - begin - extra * 4 + 1;
  return `bar ${bar + 1 + extra} beat ${Number(beat.toFixed(2))}`;
}
