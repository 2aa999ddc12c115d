// The page: one store, one editor, one player, and the wires between them and the controls.

import { listen, sendJson } from "./api.js";
import { store, secondsAt, clockText } from "./store.js";
import { Editor } from "./editor.js";
import { Player } from "./player.js";
import { Roll } from "./roll.js";
import { Ask } from "./ask.js";
import { Versions } from "./versions.js";
import { Score } from "./score.js";
import { showFiles } from "./take.js";
import { acceptFiles } from "./bring.js";

const by = (id) => document.getElementById(id);
const editor = new Editor();
const player = new Player();
const roll = new Roll(by("roll"), { editor, player });
const ask = new Ask();
const score = new Score(player);
new Versions({ open });
acceptFiles({ opened: (piece) => { store.put(piece); open(piece.id); }, tempo: () => Number(by("tempo").value) });

let instance = null;
let playWhenWritten = null; // the group whose first version sounds as soon as it can
window.studio = { store, editor, player, roll }; // to look at in the browser's console

const tellReader = (text) => (by("live").textContent = text);

// -- connection

function connection(text, { bad = false } = {}) {
  by("connection").hidden = !text;
  by("connection").textContent = text;
  by("connection").classList.toggle("bad", bad);
}

listen({
  cutOff: () => connection("The studio does not answer; trying again. What you do is kept and sent then.", { bad: true }),
  on(kind, data) {
    if (kind === "standing") standing(data);
    else if (kind === "piece") changed(data.piece);
    else if (kind === "draft") store.draft(data);
    else store.drop(data.id);
  },
});

function standing(data) {
  const again = instance !== null;
  const restarted = again && instance !== data.instance;
  instance = data.instance;
  store.take(data.pieces);
  ask.setRuns(data.runs, data.limits);
  score.pageQuarters = data.page_quarters;
  if (restarted) {
    const open = data.pieces.filter((piece) => store.isUnfinished(piece)).length;
    const rest = open ? `; ${open} unfinished ${open === 1 ? "version is" : "versions are"} written now` : "";
    connection(`The studio was started again. Your ${data.pieces.length} pieces are here${rest}.`);
    setTimeout(() => connection(""), 12000);
    ask.choose(ask.run);
  } else {
    connection("");
  }
  editor.keep();
  if (!store.current) {
    const last = localStorage.getItem("piece");
    const newest = data.pieces.at(-1);
    open(store.pieces.has(last) ? last : (newest?.id ?? null));
  } else {
    reload(store.current);
  }
}

function changed(piece) {
  const before = store.piece(piece.id);
  store.put(piece);
  if (before && before.state !== piece.state && piece.state !== "writing") {
    tellReader(`${piece.name}: ${piece.state === "done" ? "ready" : piece.state}${piece.reason ? `, ${piece.reason}` : ""}`);
  }
  if (piece.id === store.current) {
    const known = store.content();
    if (!store.edited.has(piece.id) && known?.revision !== piece.revision) reload(piece.id);
    else if (before?.state !== piece.state) reload(piece.id).then(() => player.settle());
    refresh();
  }
}

async function reload(id) {
  try {
    await store.load(id);
  } catch (refusal) {
    by("note-said").textContent = refusal.message;
  }
  refresh();
}

// -- the desk

function open(id) {
  if (id !== store.current) editor.keep();
  store.open(id);
  editor.opened();
  player.load(id);
  score.turn(0);
  refresh();
  if (id) reload(id);
}

function refresh() {
  const piece = store.piece();
  by("welcome").hidden = piece !== null;
  by("work").hidden = piece === null;
  if (!piece) return;
  by("desk-title").textContent = store.root(piece).name.split(" · ")[0];
  document.title = `${by("desk-title").textContent} – Studio`;
  const unfinished = store.isUnfinished(piece);
  const chosen = editor.selected.size;
  const editable = editor.canEdit;
  for (const id of ["lock", "shorter", "longer", "delete"]) by(id).disabled = !editable || !chosen;
  const all = chosen > 0 && [...editor.selected].every((index) => editor.notes[index]?.locked);
  by("lock").textContent = all ? "Unlock" : "Lock";
  by("undo").disabled = !editable || !editor.history().past.length;
  by("redo").disabled = !editable || !editor.history().future.length;
  by("restore").disabled = !editable || !piece.revision;
  by("continue").disabled = unfinished || !piece.notes;
  for (const id of ["fill", "vary"]) by(id).disabled = unfinished || !editor.mark;
  by("unmark").disabled = !editor.mark;
  by("note-said").textContent = chosen > 1 ? `${chosen} notes are selected` : roll.describe(editor.cursor);
  by("mark-said").textContent = editor.mark
    ? `Quarters ${editor.mark[0] + 1} to ${editor.mark[1]} are marked; locked notes in them stay.`
    : "Drag along the ruler above the notes to mark a part, or select notes and press M.";
  showPlaying();
  showFiles();
  score.refresh();
  roll.draw();
}

editor.addEventListener("change", refresh);
editor.addEventListener("kept", () => player.refresh());
editor.addEventListener("refused", ({ detail }) => (by("note-said").textContent = detail.message));
store.addEventListener("notes", ({ detail }) => detail.id === store.current && refresh());
store.addEventListener("draft", ({ detail }) => {
  const piece = store.piece(detail.id);
  if (piece && piece.group === playWhenWritten && piece.version === 0) {
    playWhenWritten = null;
    if (store.current !== piece.id) open(piece.id);
    player.play();
  }
});

const click = (id, action) => by(id).addEventListener("click", action);
click("lock", () => editor.lock());
click("delete", () => editor.remove());
click("shorter", () => editor.lengthen(-1 / 8));
click("longer", () => editor.lengthen(1 / 8));
click("undo", () => editor.undo());
click("redo", () => editor.redo());
click("unmark", () => editor.setMark(null));
click("zoom-in", () => roll.zoom(1.4));
click("zoom-out", () => roll.zoom(1 / 1.4));
click("restore", async () => {
  await editor.keep();
  await sendJson("POST", `/api/pieces/${store.current}/restore`).then(({ piece }) => {
    editor.histories.delete(piece.id);
    changed(piece);
  }).catch((refusal) => (by("note-said").textContent = refusal.message));
  player.refresh();
});
click("rename", async () => {
  const name = prompt("Name of this version", store.piece().name);
  if (name) await sendJson("PATCH", `/api/pieces/${store.current}`, { name }).then(({ piece }) => changed(piece)).catch((refusal) => alert(refusal.message));
});
click("remove", async () => {
  const piece = store.piece();
  if (!confirm(`Remove “${piece.name}” for good?`)) return;
  await sendJson("DELETE", `/api/pieces/${piece.id}`).then(() => store.drop(piece.id)).catch((refusal) => alert(refusal.message));
});

// -- asking

async function write(kind, said) {
  said.textContent = "";
  await editor.keep();
  const from = kind === "new" ? {} : { piece: store.current, span: kind === "continue" ? null : editor.mark };
  try {
    const { pieces } = await sendJson("POST", "/api/versions", ask.read(kind, from));
    for (const piece of pieces) if (!store.pieces.has(piece.id)) store.put(piece);
    playWhenWritten = pieces[0].group;
    player.context ??= player.open(); // within the click, so that the browser allows sound
    player.context.resume();
    open(pieces[0].id);
    if (by("desk").getBoundingClientRect().top > innerHeight * 0.6) by("desk").scrollIntoView({ behavior: "smooth" });
    tellReader(`${pieces.length} versions are being written`);
    return pieces;
  } catch (refusal) {
    said.textContent = refusal.message;
    return [];
  }
}

by("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  write("new", by("ask-said"));
});
for (const kind of ["continue", "fill", "vary"]) click(kind, () => write(kind, by("rewrite-said")));
by("versions").addEventListener("change", sayWrite);
function sayWrite() {
  const words = ["one version", "two versions", "three versions", "four versions"];
  by("write").textContent = `Write ${words[by("versions").value - 1]}`;
}
sayWrite();

// -- playing

const toggle = () => (player.playing ? player.pause() : player.play());
click("play", toggle);
by("follow").addEventListener("change", () => (roll.follow = score.follow = by("follow").checked));
by("seek").addEventListener("input", () => player.seek(Number(by("seek").value)));
player.addEventListener("change", showPlaying);

function showPlaying() {
  const button = by("play");
  button.setAttribute("aria-label", player.playing ? "Pause" : "Play");
  button.classList.toggle("playing", player.playing);
  button.classList.toggle("waiting", player.waiting);
  by("time").textContent = clockText(player.position);
  by("length").textContent = clockText(player.length);
  by("seek").max = Math.max(0.1, player.length);
  if (document.activeElement !== by("seek") || player.playing) by("seek").value = player.position;
  by("seek").setAttribute("aria-valuetext", `${clockText(player.position)} of ${clockText(player.length)}`);
}

addEventListener("keydown", (event) => {
  const command = event.ctrlKey || event.metaKey;
  const typing = event.target.matches("input:not([type=range], [type=checkbox]), select, textarea");
  if (typing) return;
  if (command && event.key.toLowerCase() === "z") {
    event.preventDefault();
    if (event.shiftKey) editor.redo();
    else editor.undo();
  } else if (event.key === " " && !event.target.matches("button, a, summary, input[type=checkbox]")) {
    event.preventDefault();
    toggle();
  }
});
addEventListener("beforeunload", (event) => {
  if (editor.unkept.size || editor.keeping) event.preventDefault();
});
