// The piano roll: notes on a canvas that is as wide as the window, over a space as wide as the piece.

import { store, endOf, quarterAt, secondsAt, pitchName, placeText } from "./store.js";
import { STEP } from "./editor.js";

const RULER = 26;
const KEYS = 34; // width of the strip of keys
const BLACK = new Set([1, 3, 6, 8, 10]);
const [NARROWEST, WIDEST] = [6, 160]; // pixels a quarter
const EDGE = 7; // pixels at a note's end that lengthen it

export class Roll {
  constructor(element, { editor, player }) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.spacer = element.querySelector("#spacer");
    this.pen = this.canvas.getContext("2d");
    this.editor = editor;
    this.player = player;
    this.quarterWidth = Number(localStorage.getItem("zoom")) || 26;
    this.follow = true;
    this.drag = null;
    this.asked = false;
    new ResizeObserver(() => this.draw()).observe(element);
    element.addEventListener("scroll", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.moved(event));
    this.canvas.addEventListener("pointerup", (event) => this.up(event));
    this.canvas.addEventListener("pointercancel", () => (this.drag = null));
    element.addEventListener("keydown", (event) => this.key(event));
    editor.addEventListener("change", () => this.draw());
    store.addEventListener("notes", ({ detail }) => detail.id === store.current && this.draw());
    store.addEventListener("opened", () => {
      this.element.scrollLeft = 0;
      this.draw();
    });
    player.addEventListener("change", () => this.onPlaying());
  }

  get notes() {
    return store.content()?.notes ?? [];
  }

  get length() {
    const { total = 0 } = store.progress.get(store.current) ?? {};
    return Math.max(endOf(this.notes), total, 4);
  }

  zoom(factor, at = this.element.clientWidth / 2) {
    const quarter = this.quarterOf(at);
    this.quarterWidth = Math.max(NARROWEST, Math.min(WIDEST, this.quarterWidth * factor));
    localStorage.setItem("zoom", this.quarterWidth);
    this.resize();
    this.element.scrollLeft = quarter * this.quarterWidth + KEYS - at;
    this.draw();
  }

  resize() {
    const notes = this.notes;
    const low = Math.min(48, ...notes.map((note) => note.pitch)) - 2;
    const high = Math.max(79, ...notes.map((note) => note.pitch)) + 2;
    this.low = Math.max(21, low);
    this.high = Math.min(108, high);
    const count = this.high - this.low + 1;
    this.rowHeight = Math.max(5, Math.min(10, Math.floor(380 / count)));
    this.height = RULER + count * this.rowHeight;
    this.spacer.style.width = `${Math.ceil(KEYS + (this.length + 2) * this.quarterWidth)}px`;
    const [width, scale] = [this.element.clientWidth, devicePixelRatio];
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(this.height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(this.height * scale);
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${this.height}px`;
    }
  }

  x(quarter) {
    return KEYS + quarter * this.quarterWidth - this.element.scrollLeft;
  }

  y(pitch) {
    return RULER + (this.high - pitch) * this.rowHeight;
  }

  quarterOf(x) {
    return (x - KEYS + this.element.scrollLeft) / this.quarterWidth;
  }

  pitchOf(y) {
    return this.high - Math.floor((y - RULER) / this.rowHeight);
  }

  draw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      if (store.current && this.element.clientWidth) this.drawNow();
    });
  }

  drawNow() {
    this.resize();
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    const pen = this.pen;
    const width = this.element.clientWidth;
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.fillStyle = color("card");
    pen.fillRect(0, 0, width, this.height);
    this.drawGround(pen, color, width);
    this.drawNotes(pen, color, width);
    this.drawRuler(pen, color, width);
    this.drawKeys(pen, color);
    this.drawPlace(pen, color);
    if (this.drag?.kind === "box") {
      const { x, y, toX, toY } = this.drag;
      pen.strokeStyle = color("accent");
      pen.strokeRect(Math.min(x, toX), Math.min(y, toY), Math.abs(toX - x), Math.abs(toY - y));
    }
  }

  drawGround(pen, color, width) {
    pen.fillStyle = color("black-key");
    for (let pitch = this.low; pitch <= this.high; pitch += 1) {
      if (BLACK.has(pitch % 12)) pen.fillRect(KEYS, this.y(pitch), width, this.rowHeight);
    }
    const bars = this.bars();
    if (this.quarterWidth >= 14) {
      pen.fillStyle = color("beat");
      const first = Math.max(0, Math.floor(this.quarterOf(KEYS)));
      for (let quarter = first; this.x(quarter) < width; quarter += 1) pen.fillRect(this.x(quarter), RULER, 1, this.height);
    }
    pen.fillStyle = color("bar");
    for (const bar of bars) pen.fillRect(this.x(bar), RULER, 1, this.height);
    const mark = this.editor.mark;
    if (mark) {
      pen.fillStyle = color("mark");
      pen.fillRect(this.x(mark[0]), 0, (mark[1] - mark[0]) * this.quarterWidth, this.height);
    }
  }

  // Where bars begin; what is being written has them every four quarters behind those that are known.
  bars() {
    const bars = [...(store.content()?.bars ?? [])];
    if (!bars.length) bars.push(0);
    const step = bars.length > 1 ? bars.at(-1) - bars.at(-2) : 4;
    while (bars.at(-1) + step < this.length + 2) bars.push(bars.at(-1) + step);
    return bars;
  }

  drawNotes(pen, color, width) {
    const piece = store.piece();
    const [plain, fresh, gold, ink] = ["note", "new", "lock", "ink"].map(color);
    const span = piece?.span;
    const moved = this.drag?.kind === "move" ? this.drag : null;
    this.notes.forEach((note, index) => {
      let { onset, duration, pitch } = note;
      const chosen = this.editor.selected.has(index);
      if (moved && chosen && !note.locked) {
        if (moved.edge) duration = Math.max(STEP, duration + moved.quarters);
        else [onset, pitch] = [Math.max(0, onset + moved.quarters), pitch + moved.semitones];
      }
      const [x, wide] = [this.x(onset), Math.max(2, duration * this.quarterWidth - 1)];
      if (x > width || x + wide < KEYS) return;
      const isNew = span && onset >= span[0] - 1e-6 && onset < span[1] - 1e-6;
      pen.globalAlpha = 0.55 + 0.45 * (note.velocity / 127);
      pen.fillStyle = note.locked ? gold : isNew ? fresh : plain;
      const [y, high] = [this.y(pitch) + 0.5, this.rowHeight - 1];
      pen.beginPath();
      pen.roundRect(x, y, wide, high, Math.min(2.5, wide / 2));
      pen.fill();
      pen.globalAlpha = 1;
      if (chosen || note.locked) {
        pen.strokeStyle = chosen ? ink : gold;
        pen.lineWidth = chosen ? 2 : 1;
        pen.stroke();
        pen.lineWidth = 1;
      }
      if (index === this.editor.cursor && document.activeElement === this.element) {
        pen.strokeStyle = ink;
        pen.setLineDash([3, 2]);
        pen.strokeRect(x - 3, y - 3, wide + 6, high + 6);
        pen.setLineDash([]);
      }
    });
  }

  drawRuler(pen, color, width) {
    pen.fillStyle = color("well");
    pen.fillRect(0, 0, width, RULER);
    const mark = this.editor.mark;
    if (mark) {
      pen.fillStyle = color("accent");
      pen.fillRect(this.x(mark[0]), RULER - 5, (mark[1] - mark[0]) * this.quarterWidth, 5);
    }
    pen.fillStyle = color("soft");
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    let free = KEYS;
    this.bars().forEach((bar, number) => {
      const x = this.x(bar);
      if (x < free || x > width) return;
      pen.fillRect(x, RULER - 6, 1, 6);
      pen.fillText(String(number + 1), x + 4, RULER / 2 - 1);
      free = x + 34;
    });
  }

  drawKeys(pen, color) {
    pen.fillStyle = color("well");
    pen.fillRect(0, 0, KEYS, this.height);
    pen.fillStyle = color("bar");
    pen.fillRect(KEYS - 1, 0, 1, this.height);
    pen.fillStyle = color("soft");
    pen.font = "10px system-ui, sans-serif";
    for (let pitch = this.low; pitch <= this.high; pitch += 1) {
      if (pitch % 12 === 0) pen.fillText(`C${pitch / 12 - 1}`, 8, this.y(pitch) + this.rowHeight / 2 + 1);
    }
  }

  drawPlace(pen, color) {
    if (this.player.id !== store.current) return;
    const x = this.x(quarterAt(store.content()?.clock, this.player.position));
    if (x < KEYS) return;
    pen.fillStyle = color("bad");
    pen.fillRect(x - 0.75, 0, 1.5, this.height);
  }

  onPlaying() {
    if (this.player.playing && this.follow && this.player.id === store.current && !this.drag) {
      const x = this.x(quarterAt(store.content()?.clock, this.player.position));
      const width = this.element.clientWidth;
      if (x > width * 0.85 || x < KEYS) this.element.scrollLeft += x - width * 0.2;
    }
    if (this.player.playing) this.animate();
    this.draw();
  }

  animate() {
    if (this.moving) return;
    this.moving = true;
    const frame = () => {
      this.moving = this.player.playing;
      if (!this.moving) return;
      this.draw();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  noteAt(x, y) {
    const [quarter, pitch] = [this.quarterOf(x), this.pitchOf(y)];
    const slack = 3 / this.quarterWidth;
    for (let index = this.notes.length - 1; index >= 0; index -= 1) {
      const note = this.notes[index];
      const inside = quarter >= note.onset - slack && quarter <= note.onset + note.duration + slack;
      if (note.pitch === pitch && inside) return index;
    }
    return -1;
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (event.button !== 0) return;
    const [x, y] = this.place(event);
    this.element.focus({ preventScroll: true });
    if (y < RULER) {
      this.drag = { kind: "ruler", x, from: Math.max(0, this.quarterOf(x)) };
      this.canvas.setPointerCapture(event.pointerId);
      return;
    }
    const index = this.noteAt(x, y);
    if (index >= 0) {
      const many = event.shiftKey || event.ctrlKey || event.metaKey;
      if (many) this.editor.toggle(index);
      else if (!this.editor.selected.has(index)) this.editor.select([index]);
      const note = this.notes[index];
      const edge = this.x(note.onset + note.duration) - x < EDGE && note.duration * this.quarterWidth > 2 * EDGE;
      this.drag = { kind: "move", x, y, edge, quarters: 0, semitones: 0 };
      this.canvas.setPointerCapture(event.pointerId);
    } else if (event.pointerType !== "touch") {
      this.drag = { kind: "box", x, y, toX: x, toY: y, add: event.shiftKey };
      this.canvas.setPointerCapture(event.pointerId);
    } else {
      this.editor.select([]);
    }
  }

  moved(event) {
    const [x, y] = this.place(event);
    const drag = this.drag;
    if (!drag) {
      const index = y < RULER ? -1 : this.noteAt(x, y);
      const note = this.notes[index];
      const edge = note && this.x(note.onset + note.duration) - x < EDGE && note.duration * this.quarterWidth > 2 * EDGE;
      this.canvas.style.cursor = y < RULER ? "col-resize" : edge ? "ew-resize" : note ? "move" : "crosshair";
      return;
    }
    if (drag.kind === "ruler") {
      if (Math.abs(x - drag.x) > 4) drag.marks = true;
      if (drag.marks) this.editor.setMark(this.marked(drag.from, Math.max(0, this.quarterOf(x)), event.altKey));
    } else if (drag.kind === "move") {
      const grid = event.altKey ? STEP : 1 / 8;
      drag.quarters = Math.round((x - drag.x) / this.quarterWidth / grid) * grid;
      drag.semitones = drag.edge ? 0 : -Math.round((y - drag.y) / this.rowHeight);
    } else {
      [drag.toX, drag.toY] = [x, y];
    }
    this.draw();
  }

  // A marked part has whole quarters, since music is written by the quarter.
  marked(one, other) {
    return [Math.floor(Math.min(one, other)), Math.ceil(Math.max(one, other))];
  }

  up() {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    if (drag.kind === "ruler" && !drag.marks) {
      this.player.seek(secondsAt(store.content()?.clock, drag.from));
    } else if (drag.kind === "move") {
      if (drag.edge && drag.quarters) this.editor.lengthen(drag.quarters);
      else if (drag.quarters || drag.semitones) this.editor.move(drag.quarters, drag.semitones);
    } else if (drag.kind === "box") {
      this.editor.select(this.inBox(drag), { add: drag.add });
    }
    this.draw();
  }

  inBox({ x, y, toX, toY }) {
    const [begin, end] = [this.quarterOf(Math.min(x, toX)), this.quarterOf(Math.max(x, toX))];
    const [high, low] = [this.pitchOf(Math.min(y, toY)), this.pitchOf(Math.max(y, toY))];
    return this.notes.flatMap((note, index) => {
      const inside = note.onset < end && note.onset + note.duration > begin && note.pitch >= low && note.pitch <= high;
      return inside ? [index] : [];
    });
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 300), this.place(event)[0]);
  }

  key(event) {
    const { key, shiftKey: shift, altKey: alt } = event;
    const command = event.ctrlKey || event.metaKey;
    const editor = this.editor;
    const actions = {
      ArrowLeft: () => (alt ? (shift ? editor.lengthen(-1 / 8) : editor.move(-1 / 8, 0)) : editor.step(-1, { extend: shift })),
      ArrowRight: () => (alt ? (shift ? editor.lengthen(1 / 8) : editor.move(1 / 8, 0)) : editor.step(1, { extend: shift })),
      ArrowUp: () => alt && editor.move(0, shift ? 12 : 1),
      ArrowDown: () => alt && editor.move(0, shift ? -12 : -1),
      Delete: () => editor.remove(),
      Backspace: () => editor.remove(),
      Escape: () => (editor.selected.size ? editor.select([]) : editor.setMark(null)),
      Home: () => this.player.seek(0),
      End: () => this.player.seek(this.player.length),
      l: () => editor.lock(),
      m: () => editor.markSelection(),
      a: () => command && editor.select(this.notes.map((_, index) => index)),
    };
    const action = actions[key.length === 1 ? key.toLowerCase() : key];
    if (!action || (command && key !== "a")) return;
    if (action() === false) return;
    event.preventDefault();
    this.show(editor.cursor);
  }

  // Bring a note into view.
  show(index) {
    const note = this.notes[index];
    if (!note) return;
    const x = this.x(note.onset);
    if (x < KEYS || x > this.element.clientWidth - 30) this.element.scrollLeft += x - this.element.clientWidth * 0.3;
    this.draw();
  }

  describe(index) {
    const note = this.notes[index];
    if (!note) return "";
    const words = [pitchName(note.pitch), placeText(this.bars(), note.onset), `${Number(note.duration.toFixed(3))} quarters`];
    return words.join(", ") + (note.locked ? ", locked" : "");
  }
}

// A small picture of a whole piece.
export function drawSmall(canvas, notes, length, span) {
  const scale = devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  [canvas.width, canvas.height] = [width * scale, height * scale];
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  const [plain, fresh, gold] = ["--note", "--new", "--lock"].map((name) => style.getPropertyValue(name).trim());
  const low = Math.min(48, ...notes.map((note) => note.pitch)) - 2;
  const high = Math.max(79, ...notes.map((note) => note.pitch)) + 2;
  const row = height / (high - low);
  for (const note of notes) {
    const isNew = span && note.onset >= span[0] - 1e-6 && note.onset < span[1] - 1e-6;
    pen.fillStyle = note.locked ? gold : isNew ? fresh : plain;
    const x = (note.onset / length) * width;
    pen.fillRect(x, (high - note.pitch) * row, Math.max(1, (note.duration / length) * width), Math.max(1.2, row));
  }
}
