// The page's data, its state, and what every part of it needs: elements, colours, lazy drawing.
const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);
const dark = window.matchMedia("(prefers-color-scheme: dark)");

const state = {
  filter: [],            // words that a run's name must hold
  hidden: new Set(),     // legend entries switched off
  brushes: new Map(),    // parallel axis -> [low, high] as shares of its height
  grouped: DATA.grouped, // averages over the runs of a group, or single runs
  colour: "run",         // "run", or the index of a setting
  x: "step", logY: false, train: true,
  focus: -1,             // the run under the pointer
};

function element(tag, attributes = {}, ...children) {
  const node = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// ---- numbers
function number(value) {
  if (value === null || !isFinite(value)) return "–";
  if (value === 0 || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

const FEWEST = 3; // runs that an interval needs
function interval(values) { // half of Student's 95 % interval of the mean, or 0 where there is none
  const n = values.length;
  if (n < FEWEST) return 0;
  const centre = mean(values);
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (n - 1));
  return (DATA.student[Math.min(n, DATA.student.length - 1)] * sd) / Math.sqrt(n);
}

// ---- colours: Okabe and Ito's, safe for the colour-blind; a ramp of rising lightness for numbers
const PALETTE = {
  light: ["#0072b2", "#d55e00", "#009e73", "#b8548f", "#8a6d00", "#3d9bd6", "#5b4b9a", "#5c6370"],
  dark: ["#56b4e9", "#ff8a3d", "#2fc79a", "#e39ac6", "#e6c229", "#8fd0ff", "#b3a3f0", "#b8bec9"],
};
const RAMP = {
  light: ["#3b0f70", "#414487", "#2a788e", "#22a884", "#74c04a"],
  dark: ["#7d7fe0", "#4f9bd9", "#2fb8a8", "#7bd34a", "#fde725"],
};
const theme = () => (dark.matches ? "dark" : "light");

function mix(ramp, share) {
  const place = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
  const index = Math.min(Math.floor(place), ramp.length - 2);
  const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [a, b] = [parts(ramp[index]), parts(ramp[index + 1])];
  return `rgb(${a.map((value, i) => Math.round(value + (b[i] - value) * (place - index))).join(" ")})`;
}

function shade(index, count, ordered) {
  const palette = PALETTE[theme()];
  if (!ordered && count <= palette.length) return palette[index];
  return mix(RAMP[theme()], count < 2 ? 0 : index / (count - 1));
}

function unfinished(runs) { // says so of runs of which none is done
  const { status } = DATA.runs[runs[0]];
  return runs.every((run) => DATA.runs[run].status !== "done") ? ` (${status})` : "";
}

// The legend's entries: groups (or runs, where none are averaged), or the values of one setting.
function legendEntries() {
  if (state.colour === "run") {
    const owners = DATA.grouped ? DATA.groups : DATA.runs;
    return owners.map((owner, index) => ({
      name: owner.number, title: owner.name + unfinished(owner.members || [index]), runs: owner.members || [index], colour: shade(index, owners.length, false),
    }));
  }
  const setting = DATA.settings[state.colour];
  return setting.shown.map((value, index) => ({
    name: value,
    title: `${setting.label}=${value}`,
    runs: DATA.runs.flatMap((run, i) => (run.settings[state.colour] === value ? [i] : [])),
    colour: shade(index, setting.shown.length, setting.numeric && setting.shown.length > 2),
  }));
}

let colours = [];
function recolour() {
  colours = DATA.runs.map(() => "gray");
  for (const entry of legendEntries()) for (const run of entry.runs) colours[run] = entry.colour;
}

// ---- which runs are shown
function isShown(run) {
  const { number, name, status, coordinates } = DATA.runs[run];
  const text = `${number} ${name} ${status}`.toLowerCase();
  if (!state.filter.every((word) => text.includes(word))) return false;
  for (const [axis, [low, high]] of state.brushes) {
    const at = coordinates ? coordinates[axis] : null;
    if (at === null || at === undefined || at < low || at > high) return false;
  }
  return true;
}

const headlineOf = (metrics) => metrics.filter((metric) => DATA.metrics[metric].headline).sort((a, b) => DATA.metrics[a].headline - DATA.metrics[b].headline);
const runTitle = (run) => `${DATA.runs[run].number} · ${DATA.runs[run].name}`;

let shown = new Set(); // by filter and brushes
let drawn = new Set(); // of those, the ones the legend leaves on
function choose() {
  shown = new Set(DATA.runs.flatMap((_, run) => (isShown(run) ? [run] : [])));
  drawn = new Set(shown);
  for (const entry of legendEntries()) if (state.hidden.has(entry.name)) entry.runs.forEach((run) => drawn.delete(run));
}

// ---- drawing: what is near the window first, all else while there is time, folded parts when unfolded
const parts = new Map(); // element -> {draw, dirty, near}
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const part = parts.get(entry.target);
    if (!part) continue;
    part.near = entry.isIntersecting;
    drawPart(part);
  }
}, { rootMargin: "400px 0px" });

function whenSeen(host, draw) {
  parts.set(host, { host, draw, dirty: true, near: false });
  observer.observe(host);
}

function drawPart(part, force = false) {
  if (!part.dirty || !(part.near || force) || !part.host.clientWidth) return;
  part.dirty = false;
  part.draw(part.host);
}

const PATIENCE = 250; // milliseconds in which a page of few runs is drawn whole, before it is seen
let waiting = 0;
function drawRest(patience = 20) {
  const end = performance.now() + patience;
  clearTimeout(waiting);
  for (const part of parts.values()) {
    if (!part.dirty || !part.host.clientWidth) continue;
    if (performance.now() > end) { waiting = setTimeout(drawRest, 20); return; }
    drawPart(part, true);
  }
}

function redraw(force = false) {
  for (const part of parts.values()) {
    part.dirty = true;
    drawPart(part, force);
  }
  if (!force) drawRest();
}

// ---- the note beside the pointer
const tip = byId("tip");
function showTip(x, y, title, lines) {
  tip.replaceChildren(element("b", {}, title), ...lines.map((line) => element("div", {}, line)));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 16 + width > innerWidth ? x - width - 16 : x + 16;
  tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.min(Math.max(4, y - height / 2), innerHeight - height - 4)}px)`;
}
function hideTip() { tip.hidden = true; }

const focusListeners = new Map(); // element -> function(run)
function setFocus(run) {
  if (state.focus === run) return;
  state.focus = run;
  for (const [host, listener] of focusListeners) if (parts.get(host)?.near ?? true) listener(run);
}
