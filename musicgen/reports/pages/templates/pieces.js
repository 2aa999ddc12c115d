// Generated pieces: rolls one above the other on one scale, each with its player and its MIDI file.
const FIRST_RUNS = 24;      // shown before "show all"
const MANY_PIECES = 24;     // with more than that, one a run is shown first
const ICONS = { play: "M2 1v12l11-6z", pause: "M2 1h4v12H2zM8 1h4v12H8z" };
const GUTTER = 26;          // pixels left of a roll, for the names of the octaves
let longest = 1;            // seconds, of all pieces
let pitches = [48, 72];     // lowest and highest, of all pieces

function decodeNotes(text) {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const count = bytes.length / 10;
  const view = new DataView(bytes.buffer);
  const seconds = (offset) => Float64Array.from({ length: count }, (_, i) => view.getUint32(offset + 4 * i, true) / 1000);
  const [onset, duration] = [seconds(0), seconds(4 * count)];
  const end = onset.reduce((latest, at, i) => Math.max(latest, at + duration[i]), 0);
  return { count, onset, duration, seconds: end, pitch: bytes.subarray(8 * count, 9 * count), velocity: bytes.subarray(9 * count) };
}

function drawRoll(host, notes) {
  const [width, height] = [host.clientWidth, host.clientHeight];
  const row = height / (pitches[1] - pitches[0] + 1);
  const x = (width - GUTTER) / longest;
  const y = (pitch) => (pitches[1] - pitch) * row;
  const svg = element("svg:svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Piano roll: ${notes.count} notes in ${Math.round(notes.seconds)} seconds` });
  for (const second of niceTicks(0, longest, Math.max(2, width / 110))) svg.append(element("svg:line", { class: "second", x1: GUTTER + second * x, x2: GUTTER + second * x, y1: 0, y2: height }));
  for (let pitch = Math.ceil(pitches[0] / 12) * 12; pitch <= pitches[1]; pitch += 12) {
    svg.append(element("svg:line", { class: "octave", x1: 0, x2: width, y1: y(pitch) + row, y2: y(pitch) + row }));
    if (y(pitch) > 8) svg.append(element("svg:text", { class: "octave-name", x: GUTTER - 5, y: y(pitch) + row - 2, "text-anchor": "end" }, `C${pitch / 12 - 1}`));
  }
  let d = "";
  for (let i = 0; i < notes.count; i++) {
    const long = Math.max(1, notes.duration[i] * x - 0.4);
    d += `M${(GUTTER + notes.onset[i] * x).toFixed(1)} ${y(notes.pitch[i]).toFixed(1)}h${long.toFixed(1)}v${(row * 0.92).toFixed(2)}h-${long.toFixed(1)}z`;
  }
  svg.append(element("svg:path", { class: "notes", d }));
  const head = element("svg:line", { class: "head", x1: GUTTER, x2: GUTTER, y1: 0, y2: height, visibility: "hidden" });
  svg.append(head);
  host.replaceChildren(svg);
  return (at) => {
    head.setAttribute("visibility", at > 0 ? "visible" : "hidden");
    head.setAttribute("transform", `translate(${(at * x).toFixed(1)} 0)`);
  };
}

function drawRuler(host) {
  const width = host.clientWidth;
  const svg = element("svg:svg", { width, height: 18, viewBox: `0 0 ${width} 18`, "aria-hidden": "true" });
  for (const second of niceTicks(0, longest, Math.max(2, width / 110))) {
    svg.append(element("svg:text", { x: Math.min(GUTTER + (second * (width - GUTTER)) / longest, width - 12), y: 12, "text-anchor": "middle" }, `${number(second)} s`));
  }
  host.replaceChildren(svg);
}

function icon(name) { return element("svg:svg", { viewBox: "0 0 14 14", "aria-hidden": "true" }, element("svg:path", { d: ICONS[name] })); }

function midiLink(piece, text) {
  const link = element("a", { href: `data:audio/midi;base64,${piece.midi}`, download: piece.download }, text);
  link.setAttribute("aria-label", `Download ${runTitle(piece.run)}, ${piece.name} as MIDI`);
  return link;
}

// What cannot be shown, said once a run: silent and broken pieces.
function buildProblems(pieces) {
  const kinds = new Map();
  for (const piece of pieces) kinds.set(piece.error, [...(kinds.get(piece.error) || []), piece]);
  return [...kinds].map(([error, found]) => element("p", { class: "problem" }, `${found.length} ${found.length > 1 ? "pieces" : "piece"}: ${error} `, ...found.flatMap((piece) => [midiLink(piece, piece.name), " "])));
}

let playing = null; // the card that plays
function buildPiece(piece) {
  const title = `${runTitle(piece.run)}, ${piece.name}`;
  const link = midiLink(piece, "MIDI");
  const button = element("button", { type: "button", class: "play", "aria-label": `Play ${title}`, "aria-pressed": "false" }, icon("play"));
  const time = element("time", {}, `0:00 / ${clock(piece.seconds)}`);
  const roll = element("div", { class: "roll", "data-piece": piece.index });
  const seek = element("input", { type: "range", class: "seek", min: 0, max: piece.seconds, step: 0.1, value: 0, "aria-label": `Position in ${title}` });
  seek.style.width = `calc((100% - ${GUTTER}px) * ${piece.seconds / longest})`;
  let notes = null;
  let moveHead = () => {};
  let at = 0;
  const read = () => (notes ||= decodeNotes(piece.notes));
  const show = (seconds) => {
    at = seconds;
    seek.value = seconds;
    seek.setAttribute("aria-valuetext", clock(seconds));
    time.textContent = `${clock(seconds)} / ${clock(piece.seconds)}`;
    moveHead(seconds);
  };
  const card = { rest: () => { button.replaceChildren(icon("play")); button.setAttribute("aria-pressed", "false"); } };
  const start = (from) => {
    if (playing && playing !== card) playing.rest();
    playing = card;
    button.replaceChildren(icon("pause"));
    button.setAttribute("aria-pressed", "true");
    play(read(), from, show, () => { card.rest(); playing = null; show(0); });
  };
  button.onclick = () => {
    if (playing !== card) return start(at);
    stopPlaying();
    card.rest();
    playing = null;
  };
  seek.oninput = () => { show(Number(seek.value)); if (playing === card) start(at); };
  roll.onclick = (event) => {
    const box = roll.getBoundingClientRect();
    const wanted = Math.max(0, ((event.clientX - box.left - GUTTER) / (box.width - GUTTER)) * longest);
    show(Math.min(wanted, piece.seconds));
    if (wanted < piece.seconds) start(at);
  };
  whenSeen(roll, (host) => { moveHead = drawRoll(host, read()); moveHead(at); });
  const about = element("span", { class: "about" }, time, `${piece.count} notes · `, link);
  const controls = element("div", { class: "controls" }, button, element("b", {}, piece.name), about);
  return element("figure", { class: "piece" }, controls, element("div", {}, roll, seek));
}

function buildRun(run, pieces) {
  const swatch = element("i");
  const article = element("article", { class: "run-pieces", "data-run": run }, element("h3", {}, swatch, runTitle(run)));
  article.append(...buildProblems(pieces.filter((piece) => piece.error)));
  const readable = pieces.filter((piece) => !piece.error);
  readable.forEach((piece, index) => {
    const card = buildPiece(piece);
    if (index > 0) card.dataset.further = "";
    article.append(card);
  });
  if (!readable.length) return article;
  const ruler = element("div", { class: "ruler" });
  article.append(element("div", { class: "piece" }, element("span"), ruler));
  whenSeen(ruler, drawRuler);
  return article;
}

let showAllRuns = false;
const articles = new Map(); // run -> article, built when it is first shown
const piecesOf = new Map();
function buildPieces() {
  if (!DATA.pieces.length) return;
  byId("pieces").hidden = false;
  const readable = DATA.pieces.filter((piece) => !piece.error);
  longest = Math.max(1, ...readable.map((piece) => piece.seconds));
  const low = Math.min(...readable.map((piece) => piece.low));
  const high = Math.max(...readable.map((piece) => piece.high));
  if (readable.length) pitches = [Math.max(21, low - 2), Math.min(108, high + 2)];
  byId("rolls").style.setProperty("--roll-height", `${Math.min(150, Math.max(76, (pitches[1] - pitches[0]) * 2))}px`);
  for (const piece of DATA.pieces) piecesOf.set(piece.run, [...(piecesOf.get(piece.run) || []), piece]);
  const several = [...piecesOf.values()].some((pieces) => pieces.length > 1);
  byId("all-pieces").checked = DATA.pieces.length <= MANY_PIECES;
  byId("all-pieces-label").hidden = !several || DATA.pieces.length <= MANY_PIECES;
  byId("all-pieces").onchange = updatePieces;
  byId("more-runs").onclick = () => { showAllRuns = true; updatePieces(); };
}

function updatePieces() {
  const withPieces = [...piecesOf.keys()].sort((a, b) => a - b).filter((run) => drawn.has(run));
  const visible = new Set(showAllRuns ? withPieces : withPieces.slice(0, FIRST_RUNS));
  let before = null;
  for (const run of [...piecesOf.keys()].sort((a, b) => a - b)) {
    if (visible.has(run) && !articles.has(run)) {
      articles.set(run, buildRun(run, piecesOf.get(run)));
      before ? before.after(articles.get(run)) : byId("rolls").prepend(articles.get(run));
    }
    const article = articles.get(run);
    if (!article) continue;
    article.hidden = !visible.has(run);
    article.querySelector("i").style.background = colours[run];
    for (const further of article.querySelectorAll("[data-further]")) further.hidden = !byId("all-pieces").checked;
    before = article;
  }
  byId("more-runs").hidden = withPieces.length === visible.size;
  byId("more-runs").textContent = `Show the pieces of all ${withPieces.length} runs`;
}
