// How each setting moves each metric: a small plot a pair, on one scale a metric.
function spots(setting, members) { // place of each run along a setting: the rank of its value
  return new Map(members.map((run) => [run, DATA.settings[setting].shown.indexOf(DATA.runs[run].settings[setting])]));
}

const MAX_STEPS = 12; // values of a setting: more are no list but a scale
const BINS = 5;

// A setting of which every run has its own value: the runs on its scale, and the means of five equal parts.
function drawScatter(host, setting, metric) {
  const { label } = DATA.settings[setting];
  const at = (run) => Number(DATA.runs[run].settings[setting]);
  const runs = [...drawn].filter((run) => DATA.runs[run].values[metric] !== null).sort((a, b) => at(a) - at(b));
  if (!runs.length) return host.replaceChildren();
  const [width, height] = [host.clientWidth - 16, host.clientHeight - 12];
  const [low, high] = extent(DATA.runs.map((run) => run.values[metric]).filter((value) => value !== null));
  const pad = (high - low || 1) * 0.08;
  const [first, last] = extent(DATA.runs.map((_, run) => at(run)));
  const log = first > 0 && last > 20 * first;
  const x = scale([first, last], [50, width - 12], log);
  const y = scale([low - pad, high + pad], [height - 34, 4], false);
  const svg = element("svg:svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${DATA.metrics[metric].name} by ${label}` });
  for (const tick of niceTicks(low, high, 4)) {
    svg.append(element("svg:line", { class: "grid", x1: 40, x2: width - 4, y1: y(tick), y2: y(tick) }));
    svg.append(element("svg:text", { x: 35, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  svg.append(element("svg:text", { x: 50, y: height - 18, "text-anchor": "middle" }, short(first)));
  svg.append(element("svg:text", { x: width - 12, y: height - 18, "text-anchor": "end" }, short(last)));
  svg.append(element("svg:text", { x: (40 + width) / 2, y: height - 2, "text-anchor": "middle" }, label));
  for (const run of runs) svg.append(element("svg:circle", { cx: x(at(run)), cy: y(DATA.runs[run].values[metric]), r: runs.length > 60 ? 2 : 3, fill: colours[run], "fill-opacity": 0.8 }, element("svg:title", {}, `${DATA.runs[run].name}: ${number(DATA.runs[run].values[metric])}`)));
  const size = Math.ceil(runs.length / BINS);
  const parts = Array.from({ length: Math.ceil(runs.length / size) }, (_, part) => runs.slice(part * size, (part + 1) * size));
  const middle = (part) => x(at(part[Math.floor(part.length / 2)]));
  const d = parts.map((part, i) => `${i ? "L" : "M"}${middle(part).toFixed(1)} ${y(mean(part.map((run) => DATA.runs[run].values[metric]))).toFixed(1)}`).join("");
  svg.append(element("svg:path", { d, fill: "none", stroke: "var(--ink)", "stroke-width": 1.2, "stroke-opacity": 0.7 }));
  host.onpointermove = host.onpointerleave = null;
  host.replaceChildren(svg);
}

function drawEffect(host, setting, metric) {
  const { label, shown: values, numeric } = DATA.settings[setting];
  if (numeric && values.length > MAX_STEPS) return drawScatter(host, setting, metric);
  const runs = [...drawn].filter((run) => DATA.runs[run].values[metric] !== null);
  const [width, height] = [host.clientWidth - 16, host.clientHeight - 12];
  const all = DATA.runs.map((run) => run.values[metric]).filter((value) => value !== null);
  let [low, high] = extent(all);
  const pad = (high - low || 1) * 0.08;
  const y = scale([low - pad, high + pad], [height - 34, 4], false);
  const inside = (value) => y(Math.min(Math.max(value, low - pad), high + pad)); // few runs have long intervals
  const x = (index) => 46 + ((width - 56) * (index + 0.5)) / values.length;
  const svg = element("svg:svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${DATA.metrics[metric].name} by ${label}` });
  for (const tick of niceTicks(low, high, 4)) {
    svg.append(element("svg:line", { class: "grid", x1: 40, x2: width - 4, y1: y(tick), y2: y(tick) }));
    svg.append(element("svg:text", { x: 35, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  const place = spots(setting, runs);
  const room = Math.max(1, Math.floor((width - 56) / values.length / 6.2)); // characters below each value
  const every = Math.ceil(3 / Math.max(room, 1));
  values.forEach((value, index) => {
    if (index % every === 0) svg.append(element("svg:text", { x: x(index), y: height - 18, "text-anchor": "middle" }, value.length > room * every ? `${value.slice(0, Math.max(2, room * every - 1))}…` : value));
  });
  svg.append(element("svg:text", { x: (40 + width) / 2, y: height - 2, "text-anchor": "middle" }, label));
  const spread = Math.min(16, (width - 56) / values.length / 3);
  const means = [];
  for (const run of runs) {
    const jitter = (((run * 0.618) % 1) - 0.5) * 2 * spread * (runs.length > values.length ? 1 : 0);
    svg.append(element("svg:circle", { cx: x(place.get(run)) + jitter, cy: y(DATA.runs[run].values[metric]), r: runs.length > 60 ? 2 : 3, fill: colours[run], "fill-opacity": runs.length > 60 ? 0.45 : 0.8 }));
  }
  values.forEach((_, index) => {
    const here = runs.filter((run) => place.get(run) === index).map((run) => DATA.runs[run].values[metric]);
    if (!here.length) return;
    const [centre, half] = [mean(here), interval(here)];
    means.push([x(index), y(centre)]);
    if (half) svg.append(element("svg:path", { d: `M${x(index)} ${inside(centre - half)}V${inside(centre + half)}`, stroke: "var(--ink)", "stroke-width": 1.6 }));
    svg.append(element("svg:circle", { cx: x(index), cy: y(centre), r: 3.6, fill: "var(--panel)", stroke: "var(--ink)", "stroke-width": 1.6 }, element("svg:title", {}, `${label}=${values[index]}: mean ${number(centre)}${half ? ` ± ${number(half)}` : ""} (n=${here.length})`)));
  });
  const line = element("svg:path", { d: means.map(([mx, my], i) => `${i ? "L" : "M"}${mx.toFixed(1)} ${my.toFixed(1)}`).join(""), fill: "none", stroke: "var(--ink)", "stroke-width": 1.2, "stroke-opacity": 0.7 });
  svg.insertBefore(line, svg.querySelector("path"));
  host.onpointermove = (event) => {
    const box = svg.getBoundingClientRect();
    const near = runs.map((run) => [run, Math.hypot(x(place.get(run)) - (event.clientX - box.left), y(DATA.runs[run].values[metric]) - (event.clientY - box.top))]).sort((a, b) => a[1] - b[1])[0];
    if (!near || near[1] > spread + 12) return hideTip();
    showTip(event.clientX, event.clientY, DATA.runs[near[0]].name, [`${DATA.metrics[metric].name}: ${number(DATA.runs[near[0]].values[metric])}`]);
  };
  host.onpointerleave = hideTip;
  host.replaceChildren(svg);
}

function buildEffects() {
  const settings = DATA.settings.flatMap((setting, index) => (setting.key !== "seed" && setting.shown.length > 1 ? [index] : []));
  const metrics = DATA.metrics.flatMap((metric, index) => (metric.varies && metric.better !== "none" ? [index] : []));
  if (DATA.runs.length < 4 || !settings.length || !metrics.length) return;
  byId("effects").hidden = false;
  byId("effects").style.setProperty("--row-width", `${Math.min(settings.length, 6) * 190}px`);
  const leading = metrics.filter((metric) => DATA.metrics[metric].headline);
  const rest = leading.length ? metrics.filter((metric) => !DATA.metrics[metric].headline) : [];
  const row = (metric) => {
    const { name, arrow } = DATA.metrics[metric];
    const panels = element("div", { class: "effect-panels" });
    settings.forEach((setting) => {
      const host = element("div", { class: "effect" });
      panels.append(host);
      whenSeen(host, () => drawEffect(host, setting, metric));
    });
    return element("div", { class: "effect-row" }, element("h3", {}, name, " ", element("small", {}, arrow)), panels);
  };
  byId("effect-grid").append(...(leading.length ? leading : metrics).map(row));
  const more = byId("effect-more");
  if (!rest.length) return;
  more.hidden = false;
  more.querySelector("summary").textContent = `${rest.length} more metrics`;
  more.querySelector("div").append(...rest.map(row));
}
