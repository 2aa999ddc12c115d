// Two metrics against each other: a dot a run, and the line of those that no other run beats at both.
const PARETO_MARGIN = { left: 64, right: 18, top: 18, bottom: 40 };
const pareto = { x: DATA.pareto[0], y: DATA.pareto[1] };

function worth(metric, value, members) { // smaller is better; of "closer" the distance to the real metric
  const { better, target } = DATA.metrics[metric];
  if (better === "closer") return Math.abs(value - mean(members.map((run) => DATA.runs[run].values[target])));
  return better === "higher" ? -value : value;
}

function dots() {
  const owners = state.grouped ? DATA.groups : DATA.runs.map((run, index) => ({ name: run.name, number: run.number, members: [index] }));
  return owners.flatMap(({ name, number, members }) => {
    const known = members.filter((run) => drawn.has(run) && DATA.runs[run].values[pareto.x] !== null && DATA.runs[run].values[pareto.y] !== null);
    if (!known.length) return [];
    const [x, y] = [pareto.x, pareto.y].map((metric) => mean(known.map((run) => DATA.runs[run].values[metric])));
    const bad = [worth(pareto.x, x, known), worth(pareto.y, y, known)];
    return [{ name: `${number} · ${name}` + (known.length > 1 ? ` (n=${known.length})` : ""), run: known[0], runs: known, x, y, bad }];
  });
}

function unbeaten(points) {
  const sorted = [...points].sort((a, b) => a.bad[0] - b.bad[0] || a.bad[1] - b.bad[1]);
  let last = null;
  return sorted.filter((point) => {
    const kept = !last || point.bad[1] < last.bad[1] || (point.bad[0] === last.bad[0] && point.bad[1] === last.bad[1]);
    if (kept) last = point;
    return kept;
  });
}

function drawPareto(host) {
  const points = dots();
  if (!points.length) return host.replaceChildren(element("p", { class: "empty" }, "no run has both metrics"));
  const [width, height] = [host.clientWidth - 16, host.clientHeight - 16];
  const spread = (key) => {
    const [low, high] = extent(points.map((point) => point[key]));
    const log = low > 0 && high > 20 * low;
    const pad = (high - low || Math.abs(high) || 1) * 0.06;
    return { log, domain: log ? [low / 1.15, high * 1.15] : [low - pad, high + pad] };
  };
  const [across, up] = [spread("x"), spread("y")];
  const x = scale(across.domain, [PARETO_MARGIN.left, width - PARETO_MARGIN.right], across.log);
  const y = scale(up.domain, [height - PARETO_MARGIN.bottom, PARETO_MARGIN.top], up.log);
  const ticks = ({ domain, log }, count) => (log ? logTicks(...domain) : niceTicks(...domain, count));
  const line = unbeaten(points);
  const label = ({ title, arrow }) => `${title} ${arrow}`;
  const svg = element("svg:svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${DATA.metrics[pareto.y].name} against ${DATA.metrics[pareto.x].name}: ${line.length} of ${points.length} are not beaten at both` });
  for (const tick of ticks(up, 6)) {
    svg.append(element("svg:line", { class: "grid", x1: PARETO_MARGIN.left, x2: width - PARETO_MARGIN.right, y1: y(tick), y2: y(tick) }));
    svg.append(element("svg:text", { x: PARETO_MARGIN.left - 8, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  let end = -Infinity;
  for (const tick of ticks(across, width / 110)) {
    if (x(tick) < end + 44) continue;
    end = x(tick);
    svg.append(element("svg:line", { class: "grid", x1: end, x2: end, y1: PARETO_MARGIN.top, y2: height - PARETO_MARGIN.bottom }));
    svg.append(element("svg:text", { x: end, y: height - PARETO_MARGIN.bottom + 16, "text-anchor": "middle" }, short(tick)));
  }
  svg.append(element("svg:text", { x: width - PARETO_MARGIN.right, y: height - 4, "text-anchor": "end" }, label(DATA.metrics[pareto.x])));
  const steps = line.map((point, at) => (at ? `H${x(point.x).toFixed(1)}V${y(point.y).toFixed(1)}` : `M${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`)).join("");
  svg.append(element("svg:path", { class: "curve pareto-line", d: steps, stroke: "var(--accent)", "stroke-width": 1.4 }));
  const many = points.length > 60;
  for (const point of points) {
    const best = line.includes(point);
    svg.append(element("svg:circle", { cx: x(point.x), cy: y(point.y), r: best ? 5.5 : many ? 3 : 4, fill: colours[point.run], "fill-opacity": best ? 1 : 0.6, stroke: best ? "var(--accent)" : "none", "stroke-width": 1.8 }));
  }
  const ring = element("svg:circle", { r: 9, fill: "none", stroke: "var(--ink)", "stroke-width": 1.4, visibility: "hidden" });
  svg.append(ring);
  svg.append(element("svg:text", { x: PARETO_MARGIN.left, y: 4, "text-anchor": "start" }, label(DATA.metrics[pareto.y])));
  host.replaceChildren(svg);
  const mark = (point) => {
    ring.setAttribute("visibility", point ? "visible" : "hidden");
    if (point) { ring.setAttribute("cx", x(point.x)); ring.setAttribute("cy", y(point.y)); }
  };
  const tell = (point, left, top) => {
    mark(point);
    setFocus(point.run);
    const texts = [pareto.x, pareto.y].map((metric, at) => `${DATA.metrics[metric].title}: ${number(at ? point.y : point.x)}`);
    showTip(left, top, point.name, [...texts, line.includes(point) ? "no other run is better at both" : "beaten at both, or at one and not better at the other"]);
  };
  const leave = () => { hideTip(); setFocus(-1); mark(null); };
  host.onpointermove = (event) => {
    const box = svg.getBoundingClientRect();
    const far = (point) => Math.hypot(x(point.x) - (event.clientX - box.left), y(point.y) - (event.clientY - box.top));
    const near = points.reduce((best, point) => (far(point) < far(best) ? point : best));
    if (far(near) > 24) leave(); else tell(near, event.clientX, event.clientY);
  };
  host.onpointerleave = leave;
  host.onblur = leave;
  let at = -1;
  host.onkeydown = (event) => { // arrows walk along the front
    if (event.key === "Escape") leave();
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    at = Math.min(Math.max(at + move, 0), line.length - 1);
    const box = svg.getBoundingClientRect();
    tell(line[at], box.left + x(line[at].x), box.top + y(line[at].y));
  };
  focusListeners.set(host, (run) => mark(points.find((point) => point.runs.includes(run))));
}

function buildPareto() {
  if (DATA.runs.length < 4 || DATA.pareto.length < 2) return;
  byId("pareto").hidden = false;
  for (const axis of ["x", "y"]) {
    const select = byId(`pareto-${axis}`);
    DATA.metrics.forEach((metric, index) => { if (metric.better !== "none" && metric.varies) select.append(element("option", { value: index }, metric.title)); });
    select.value = pareto[axis];
    select.onchange = () => { pareto[axis] = Number(select.value); redraw(); };
  }
  whenSeen(byId("pareto-chart"), drawPareto);
}
