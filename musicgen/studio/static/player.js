// Plays what the server renders: passages laid over each other, each from its own beginning.
// A passage holds the notes that begin in it with all that rings on, so their sum is the piece.

import { request } from "./api.js";
import { store, secondsAt, endOf } from "./store.js";

const PASSAGE_S = 2; // short, so that the first one is soon written
const AHEAD_S = 7; // what is fetched before it is needed
const RINGS_ON = 4; // passages before the place whose notes may still sound there
const KEPT = 60; // passages in memory
const MARGIN_QUARTERS = 2; // behind what is written: notes there may still become longer

export class Player extends EventTarget {
  context = null;
  id = null;
  playing = false;
  waiting = false;
  from = 0; // place, in seconds, at which the clock stood at `since`
  since = 0;
  passages = new Map(); // key -> {buffer} or {fetching}
  sources = new Map(); // passage number -> node that sounds
  timer = null;

  get position() {
    if (!this.playing || this.waiting || !this.context) return this.from;
    return Math.max(0, this.from + this.context.currentTime - this.since);
  }

  get length() {
    const content = store.content(this.id);
    if (!content) return 0;
    return secondsAt(content.clock, endOf(content.notes));
  }

  // How far the notes are sure: to the end, or a little before what is being written.
  get written() {
    const piece = store.piece(this.id);
    const content = store.content(this.id);
    if (!piece || !content) return 0;
    if (!store.isUnfinished(piece)) return Infinity;
    const { quarters = 0 } = store.progress.get(this.id) ?? {};
    const offset = piece.kind === "continue" ? (store.piece(piece.parent)?.quarters ?? 0) : 0;
    return secondsAt(content.clock, Math.max(0, quarters - MARGIN_QUARTERS) + offset);
  }

  load(id) {
    if (id === this.id) return;
    this.pause();
    this.id = id;
    this.from = 0;
    this.changed();
  }

  async play() {
    if (!this.id || this.playing) return;
    this.context ??= this.open();
    this.playing = true;
    if (this.from >= this.length - 0.05 && this.written === Infinity) this.from = 0;
    this.wait();
    await this.context.resume().catch(() => {});
    this.timer ??= setInterval(() => this.tick(), 100);
    this.tick();
    this.changed();
  }

  // Passages are equally loud; where many sound at once, a limiter keeps them from clipping.
  open() {
    const context = new AudioContext({ latencyHint: "playback" });
    const limiter = new DynamicsCompressorNode(context, { threshold: -6, ratio: 12, attack: 0.003, release: 0.2 });
    this.output = limiter;
    limiter.connect(context.destination);
    return context;
  }

  pause() {
    if (!this.playing) return;
    this.from = this.position;
    this.playing = false;
    this.waiting = false;
    this.silence();
    clearInterval(this.timer);
    this.timer = null;
    this.changed();
  }

  seek(seconds) {
    this.silence();
    this.from = Math.max(0, Math.min(seconds, Math.max(0, this.length - 0.01)));
    this.since = this.context?.currentTime ?? 0;
    if (this.playing) {
      this.wait();
      this.tick();
    }
    this.changed();
  }

  // The notes are others now: what was rendered of the old ones is of no more use.
  refresh() {
    for (const key of this.passages.keys()) if (key.startsWith(`${this.id} `)) this.passages.delete(key);
    if (this.playing) this.seek(this.position);
  }

  wait() {
    this.from = this.position;
    this.waiting = true;
    this.silence();
  }

  silence() {
    for (const source of this.sources.values()) {
      source.onended = null;
      source.stop();
    }
    this.sources.clear();
  }

  tick() {
    if (!this.playing) return;
    const place = this.position;
    const whole = this.written === Infinity;
    if (whole && place >= this.length + 1.5) {
      this.pause();
      this.from = 0;
      this.changed();
      return;
    }
    const now = Math.floor(place / PASSAGE_S);
    const last = Math.floor(Math.min(place + AHEAD_S, whole ? this.length : this.written) / PASSAGE_S);
    for (let number = now; number <= last; number += 1) if (this.isSure(number)) this.fetch(number);
    const behind = place >= this.length;
    if (this.waiting) {
      if (behind ? whole : this.isSure(now) && this.buffer(now)) this.begin(place, now);
    } else if (!behind && !this.sources.has(now) && !this.buffer(now)) {
      this.wait();
    }
    if (!this.waiting) for (let number = now; number <= last; number += 1) this.sound(number);
    this.changed();
  }

  isSure(number) {
    return (number + 1) * PASSAGE_S <= this.written;
  }

  begin(place, now) {
    this.from = place;
    this.since = this.context.currentTime + 0.03;
    this.waiting = false;
    for (let number = Math.max(0, now - RINGS_ON); number < now; number += 1) {
      this.fetch(number).then(() => this.playing && !this.waiting && this.sound(number));
    }
  }

  key(number) {
    return `${this.id} ${store.piece(this.id)?.revision} ${number}`;
  }

  buffer(number) {
    return this.passages.get(this.key(number))?.buffer;
  }

  // The version is whole now: passages rendered meanwhile may lack the ends of long notes.
  settle() {
    for (const key of this.passages.keys()) {
      const number = Number(key.split(" ").at(-1));
      if (key.startsWith(`${this.id} `) && !this.sources.has(number)) this.passages.delete(key);
    }
    this.tick();
  }

  fetch(number) {
    const key = this.key(number);
    const known = this.passages.get(key);
    if (known) return known.fetching ?? Promise.resolve();
    const span = `from=${number * PASSAGE_S}&to=${(number + 1) * PASSAGE_S}`;
    const fetching = request("GET", `/api/pieces/${this.id}/sound?${span}`)
      .then((answer) => answer.arrayBuffer())
      .then((bytes) => (bytes.byteLength > 44 ? this.context.decodeAudioData(bytes) : null))
      .then((buffer) => {
        this.passages.set(key, { buffer: buffer ?? this.context.createBuffer(1, 1, 8000) });
        for (const old of [...this.passages.keys()].slice(0, -KEPT)) this.passages.delete(old);
        this.tick();
      })
      .catch(() => setTimeout(() => this.passages.delete(key), 1000)); // tried again then
    this.passages.set(key, { fetching });
    return fetching;
  }

  sound(number) {
    const buffer = this.buffer(number);
    if (!buffer || this.sources.has(number)) return;
    const begins = this.since + number * PASSAGE_S - this.from;
    const late = this.context.currentTime - begins;
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.output);
    if (late > 0) source.start(0, late);
    else source.start(begins);
    source.onended = () => source.disconnect();
    this.sources.set(number, source);
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}
