// One chart of lines: axes, bands, curves, and the value under the pointer.
const MAX_BANDS = 8;
const MARGIN = { left: 48, right: 10, top: 6, bottom: 30 };

function niceTicks(low, high, count) {
  const rough = (high - low || 1) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) ticks.push(Number(tick.toPrecision(12)));
  return ticks;
}

function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of [1, 2, 5]) if (factor * 10 ** power >= low && factor * 10 ** power <= high) ticks.push(factor * 10 ** power);
  }
  return ticks.length > 3 ? ticks : niceTicks(low, high, 5).filter((tick) => tick > 0);
}

function short(value, digits = 3) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(digits))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(digits))}k`;
  if (!size || size >= 1e-3) return String(Number(value.toPrecision(digits)));
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  return `${Number(mantissa)}e${power}`;
}

function tickTexts(ticks) { // as short as they stay true: 2.5e-4 is not 3e-4
  const isTrue = (digits) => ticks.every((tick) => Math.abs(Number(tick.toPrecision(digits)) - tick) <= 1e-9 * Math.abs(tick));
  const digits = [3, 4, 5, 6, 8].find(isTrue) || 12;
  return ticks.map((tick) => short(tick, digits));
}

// Room around values, but none beyond what the metric's definition allows.
function padded(low, high, share, [least, most]) {
  const pad = (high - low || Math.abs(high) || 1) * share;
  return [least === null ? low - pad : Math.max(low - pad, Math.min(least, low)), most === null ? high + pad : Math.min(high + pad, Math.max(most, high))];
}

function scale(domain, range, log) {
  const turn = log ? Math.log : (value) => value;
  const [low, high] = domain.map(turn);
  const factor = (range[1] - range[0]) / (high - low || 1);
  return (value) => range[0] + (turn(value) - low) * factor;
}

function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) if (isFinite(value)) { if (value < low) low = value; if (value > high) high = value; }
  return [low, high];
}

function path(xs, ys, x, y) { // a gap where a value is missing
  let text = "";
  let pen = "M";
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null || !isFinite(ys[i])) { pen = "M"; continue; }
    text += `${pen}${x(xs[i]).toFixed(1)} ${y(ys[i]).toFixed(1)}`;
    pen = "L";
  }
  return text;
}

function bandPath(line, x, y) {
  const top = path(line.xs, line.high, x, y);
  return top ? `${top}L${path([...line.xs].reverse(), [...line.low].reverse(), x, y).slice(1)}Z` : "";
}

// Bands widen the axis by half of what the curves need at most: those of two runs would else flatten all curves.
function withBands(edges, low, high) {
  if (!edges.length) return [low, high];
  const room = 0.5 * (high - low || Math.abs(high) || 1);
  const [least, most] = state.logY ? [low / 2, high * 2] : [low - room, high + room];
  const [lowest, highest] = extent(edges);
  return [Math.min(low, Math.max(lowest, least)), Math.max(high, Math.min(highest, most))];
}

// lines: {name, run, colour, dashed, xs, ys, low, high}; baselines: {name, value}
function drawLines(host, { title, lines, baselines, bounds, xLabel }) {
  const [width, height] = [host.clientWidth, host.clientHeight];
  const bands = lines.length <= MAX_BANDS; // of more lines, only the one under the pointer shows its band
  const isDrawn = (v) => v !== null && isFinite(v) && (!state.logY || v > 0);
  const all = lines.flatMap((line) => line.ys).filter(isDrawn);
  host.setAttribute("data-curves", lines.length);
  if (!all.length) return host.replaceChildren(element("p", { class: "empty" }, "nothing to draw for the runs shown"));
  let [low, high] = extent(all);
  if (bands) [low, high] = withBands(lines.flatMap((line) => (line.low ? [...line.low, ...line.high] : [])).filter(isDrawn), low, high);
  const reach = baselines.filter(({ value }) => value <= high + 0.6 * (high - low) && value >= low - 0.6 * (high - low));
  for (const { value } of reach) { low = Math.min(low, value); high = Math.max(high, value); }
  if (!state.logY) [low, high] = padded(low, high, 0.05, bounds);
  else if (low === high) { low /= 1.1; high *= 1.1; }
  let [first, last] = extent(lines.flatMap((line) => line.xs));
  if (first > 0 && first < 0.3 * last) first = 0;
  const x = scale([first, last === first ? first + 1 : last], [MARGIN.left, width - MARGIN.right], false);
  const y = scale([low, high], [height - MARGIN.bottom, MARGIN.top], state.logY);
  const inside = (value) => y(Math.min(Math.max(value, low), high));

  const svg = element("svg:svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${lines.length} curves over ${xLabel}s` });
  const ticks = state.logY ? logTicks(low, high) : niceTicks(low, high, 5);
  const labels = tickTexts(ticks);
  for (const [index, tick] of ticks.entries()) {
    svg.append(element("svg:line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick) }));
    svg.append(element("svg:text", { x: MARGIN.left - 7, y: y(tick) + 4, "text-anchor": "end" }, labels[index]));
  }
  const across = niceTicks(first, last, width / 90).filter((tick) => xLabel !== "epoch" || Number.isInteger(tick));
  const below = tickTexts(across);
  for (const [index, tick] of across.entries()) svg.append(element("svg:text", { x: x(tick), y: height - MARGIN.bottom + 15, "text-anchor": "middle" }, below[index]));
  svg.append(element("svg:line", { class: "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: height - MARGIN.bottom, y2: height - MARGIN.bottom }));
  svg.append(element("svg:text", { x: width - MARGIN.right, y: height - 2, "text-anchor": "end" }, xLabel));
  for (const { name, value } of reach) {
    svg.append(element("svg:line", { class: "baseline", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }));
    svg.append(element("svg:text", { x: width - MARGIN.right, y: y(value) - 4, "text-anchor": "end" }, name));
  }
  const many = lines.length > 40;
  if (bands) for (const line of lines) if (line.low) svg.append(element("svg:path", { class: "band", d: bandPath(line, x, inside), fill: line.colour }));
  for (const line of lines) {
    svg.append(element("svg:path", {
      class: "curve", d: path(line.xs, line.ys, x, y), stroke: line.colour, "stroke-width": many ? 1 : 1.8,
      "stroke-dasharray": line.dashed ? "5 4" : null, "stroke-opacity": many ? 0.55 : line.dashed ? 0.8 : 1,
    }));
    if (line.xs.length === 1) svg.append(element("svg:circle", { cx: x(line.xs[0]), cy: y(line.ys[0]), r: 3, fill: line.colour }));
  }
  const over = element("svg:g", { class: "over" });
  svg.append(over);
  host.replaceChildren(svg);
  listenToLines(host, { lines, x, y, inside, over, xLabel, bands });
}

function listenToLines(host, { lines, x, y, inside, over, xLabel, bands }) {
  const highlight = (line, index) => {
    over.replaceChildren();
    if (!line) return;
    if (line.low && !bands) over.append(element("svg:path", { class: "band", d: bandPath(line, x, inside), fill: line.colour }));
    over.append(element("svg:path", { class: "curve", d: path(line.xs, line.ys, x, y), stroke: line.colour, "stroke-width": 3, "stroke-dasharray": line.dashed ? "6 4" : null }));
    if (index !== undefined) over.append(element("svg:circle", { cx: x(line.xs[index]), cy: y(line.ys[index]), r: 4.5, fill: line.colour, stroke: "var(--panel)", "stroke-width": 1.5 }));
  };
  const tell = (line, index, left, top) => {
    highlight(line, index);
    const spread = line.high && line.high[index] > line.ys[index] ? ` ± ${number(line.high[index] - line.ys[index])}` : "";
    showTip(left, top, line.name, [`${line.split}: ${number(line.ys[index])}${spread}`, `${xLabel} ${number(line.xs[index])}`]);
  };
  const at = { line: 0, index: 0 };
  host.onpointermove = (event) => {
    const box = host.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let nearest = 900; // 30 pixels, squared
    let found = null;
    lines.forEach((line, number) => line.xs.forEach((value, index) => {
      if (line.ys[index] === null) return;
      const distance = (x(value) - px) ** 2 + (y(line.ys[index]) - py) ** 2;
      if (distance < nearest) { nearest = distance; found = [number, index]; }
    }));
    if (!found) return leave();
    [at.line, at.index] = found;
    setFocus(lines[at.line].run);
    tell(lines[at.line], at.index, event.clientX, event.clientY);
  };
  const leave = () => { hideTip(); setFocus(-1); highlight(null); };
  host.onpointerleave = leave;
  host.onblur = leave;
  host.onkeydown = (event) => { // arrows walk along a curve and from curve to curve
    const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === "Escape") leave();
    if (!move || !lines.length) return;
    event.preventDefault();
    at.line = (at.line + move[0] + lines.length) % lines.length;
    const line = lines[at.line];
    at.index = Math.min(Math.max(at.index + move[1], 0), line.xs.length - 1);
    const box = host.getBoundingClientRect();
    setFocus(line.run);
    tell(line, at.index, box.left + x(line.xs[at.index]), box.top + y(line.ys[at.index] ?? 0));
  };
  focusListeners.set(host, (run) => highlight(lines.find((line) => line.runs.includes(run))));
}
