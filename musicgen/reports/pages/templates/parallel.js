// Parallel coordinates: a line a run through its settings and leading metrics; axes can be brushed.
const MAX_AXES = 12;
let axes = [];

function buildParallel() {
  const settings = DATA.settings.flatMap((setting, index) => (setting.key !== "seed" && setting.shown.length > 1 ? [{ setting: index, label: setting.label }] : []));
  const varied = DATA.metrics.flatMap((metric, index) => (metric.varies && metric.better !== "none" ? [index] : []));
  const leading = headlineOf(varied);
  const metrics = (leading.length ? leading : varied).map((metric) => ({ metric, label: DATA.metrics[metric].title }));
  axes = [...settings, ...metrics].slice(0, MAX_AXES);
  if (DATA.runs.length < 4 || axes.length < 2 || !metrics.length) return;
  byId("parallel").hidden = false;
  for (const axis of axes) {
    if (axis.metric === undefined) continue;
    const { better } = DATA.metrics[axis.metric];
    axis.worth = (run) => { // of "closer" the distance to the real metric counts
      const value = DATA.runs[run].values[axis.metric];
      const target = better === "closer" ? DATA.runs[run].values[DATA.metrics[axis.metric].target] : null;
      return value === null ? null : target === null ? value : Math.abs(value - target);
    };
    axis.domain = extent(DATA.runs.map((_, run) => axis.worth(run)).filter((value) => value !== null));
    axis.turned = better !== "higher";
  }
  const longest = Math.max(...axes.flatMap((axis) => splitLabel(axis.label).map((part) => part.length)));
  byId("parallel-chart").style.minWidth = `${axes.length * Math.max(110, longest * 7)}px`;
  DATA.runs.forEach((run, index) => { run.coordinates = axes.map((axis) => coordinate(axis, index)); });
  whenSeen(byId("parallel-chart"), drawParallel);
}

function coordinate(axis, run) { // 0 at the bottom, 1 at the top, null without a value
  if (axis.setting !== undefined) {
    const { shown: values } = DATA.settings[axis.setting];
    return values.indexOf(DATA.runs[run].settings[axis.setting]) / (values.length - 1);
  }
  const value = axis.worth(run);
  if (value === null) return null;
  const share = (value - axis.domain[0]) / (axis.domain[1] - axis.domain[0]);
  return axis.turned ? 1 - share : share;
}

function drawParallel(host) {
  const [width, height] = [host.clientWidth - 16, host.clientHeight - 24];
  const [top, bottom] = [58, height - 26];
  const x = (axis) => 56 + ((width - 116) * axis) / (axes.length - 1);
  const y = (share) => bottom + (top - bottom) * share;
  const svg = element("svg:svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Parallel coordinates of settings and metrics" });
  const d = (run) => {
    let pen = "M";
    return DATA.runs[run].coordinates.map((share, axis) => {
      if (share === null) { pen = "M"; return ""; }
      const text = `${pen}${x(axis).toFixed(1)} ${y(share).toFixed(1)}`;
      pen = "L";
      return text;
    }).join("");
  };
  const many = DATA.runs.length > 40;
  DATA.runs.forEach((_, run) => {
    const on = drawn.has(run);
    svg.append(element("svg:path", { class: "curve", d: d(run), stroke: on ? colours[run] : "var(--line)", "stroke-width": on ? (many ? 1.1 : 1.7) : 0.7, "stroke-opacity": on ? (many ? 0.6 : 0.85) : 0.5 }));
  });
  const over = element("svg:g", { class: "over" });
  const room = Math.floor((x(1) - x(0) - 12) / 6.4); // characters between two axes
  axes.forEach((axis, index) => svg.append(drawAxis(axis, index, { x: x(index), y, top, bottom, room, svg })));
  svg.append(over);
  host.replaceChildren(svg);
  const highlight = (run) => over.replaceChildren(...(run >= 0 ? [element("svg:path", { class: "curve", d: d(run), stroke: colours[run], "stroke-width": 3.2 })] : []));
  focusListeners.set(host, highlight);
  host.onpointermove = (event) => {
    if (event.buttons) return;
    const box = svg.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const left = Math.min(Math.max(Math.floor(((px - x(0)) / (x(1) - x(0)))), 0), axes.length - 2);
    const share = Math.min(Math.max((px - x(left)) / (x(1) - x(0)), 0), 1);
    let [nearest, found] = [10, -1];
    for (const run of drawn) {
      const [a, b] = [DATA.runs[run].coordinates[left], DATA.runs[run].coordinates[left + 1]];
      if (a === null || b === null) continue;
      const distance = Math.abs(y(a + (b - a) * share) - py);
      if (distance < nearest) [nearest, found] = [distance, run];
    }
    setFocus(found);
    if (found < 0) return hideTip();
    const values = axes.filter((axis) => axis.metric !== undefined).map((axis) => `${axis.label}: ${number(DATA.runs[found].values[axis.metric])}`);
    showTip(event.clientX, event.clientY, runTitle(found), values);
  };
  host.onpointerleave = () => { hideTip(); setFocus(-1); };
}

function drawAxis(axis, index, { x, y, top, bottom, room, svg }) {
  const group = element("svg:g", { class: "pc-axis", tabindex: 0, role: "slider", "aria-label": axis.label, "aria-valuetext": state.brushes.has(index) ? "a part is chosen" : "all" });
  group.append(element("svg:line", { x1: x, x2: x, y1: top, y2: bottom, stroke: "var(--dim)" }));
  const [head, tail] = splitLabel(axis.label);
  group.append(element("svg:text", { x, y: top - 42, "text-anchor": "middle" }, head), element("svg:text", { x, y: top - 28, "text-anchor": "middle", class: "leaf" }, tail));
  const label = (text, share) => { // above and below the ends, beside the line between them
    const end = share === 1 ? top - 7 : share === 0 ? bottom + 15 : null;
    group.append(element("svg:text", { class: "value", x: end ? x : x + 6, y: end || y(share) + 4, "text-anchor": end ? "middle" : "start" }, text.length > room ? `${text.slice(0, room - 1)}…` : text));
  };
  if (axis.setting !== undefined) {
    const { shown: values, numeric } = DATA.settings[axis.setting];
    const every = numeric && values.length > MAX_STEPS ? values.length - 1 : Math.ceil(values.length / 16);
    values.forEach((value, at) => { if (at % every === 0) label(value, at / (values.length - 1)); });
  } else {
    const ends = axis.turned ? [...axis.domain].reverse() : axis.domain;
    label(number(ends[1]), 1);
    label(number(ends[0]), 0);
  }
  group.append(element("svg:rect", { class: "hit", x: x - 12, width: 24, y: top - 6, height: bottom - top + 12 }));
  const brush = state.brushes.get(index);
  if (brush) group.append(element("svg:rect", { class: "brush", x: x - 6, width: 12, y: y(brush[1]), height: Math.max(3, y(brush[0]) - y(brush[1])) }));
  const share = (event) => Math.min(Math.max((bottom - (event.clientY - svg.getBoundingClientRect().top)) / (bottom - top), 0), 1);
  group.onpointerdown = (event) => {
    const from = share(event);
    let to = from;
    const mark = element("svg:rect", { class: "brush", x: x - 6, width: 12 });
    group.append(mark);
    window.onpointermove = (move) => {
      to = share(move);
      mark.setAttribute("y", y(Math.max(from, to)));
      mark.setAttribute("height", y(Math.min(from, to)) - y(Math.max(from, to)));
    };
    window.onpointerup = () => {
      window.onpointermove = window.onpointerup = null;
      if (Math.abs(to - from) < 0.02) state.brushes.delete(index);
      else state.brushes.set(index, [Math.min(from, to) - 0.01, Math.max(from, to) + 0.01]);
      update();
    };
    event.preventDefault();
  };
  group.onkeydown = (event) => { // ↑ leaves out the lower end, ↓ the upper one
    const [low, high] = state.brushes.get(index) || [-0.01, 1.01];
    if (event.key === "Escape") state.brushes.delete(index);
    else if (event.key === "ArrowUp") state.brushes.set(index, [Math.min(low + 0.1, high - 0.05), high]);
    else if (event.key === "ArrowDown") state.brushes.set(index, [low, Math.max(high - 0.1, low + 0.05)]);
    else return;
    event.preventDefault();
    update();
    byId("parallel-chart").querySelectorAll(".pc-axis")[index].focus();
  };
  return group;
}

function splitLabel(label) {
  const at = label.lastIndexOf("/");
  return at < 0 ? ["", label] : [label.slice(0, at + 1), label.slice(at + 1)];
}
