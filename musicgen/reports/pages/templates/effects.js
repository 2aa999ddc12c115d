// How each setting moves each metric: runs that differ in it alone, a small plot a pair, on one scale a metric.
const MAX_STEPS = 12;  // values of a setting: of more, only every few are named
const EFFECT_MARGIN = { left: 46, right: 10, top: 6, bottom: 46 };

// Cut texts to their room so that they stay different: from the front, or else from the end.
function cut(texts, room) {
  const front = texts.map((text) => (text.length > room ? `${text.slice(0, Math.max(1, room - 1))}…` : text));
  if (new Set(front).size === texts.length) return front;
  const back = texts.map((text) => (text.length > room ? `…${text.slice(1 - room)}` : text));
  return new Set(back).size === texts.length ? back : texts.map((_, index) => `#${index + 1}`);
}

function effectScale(host, metric, runs) {
  const [width, height] = [host.clientWidth - 16, host.clientHeight - 12];
  const [low, high] = padded(...extent(runs.map((run) => DATA.runs[run].values[metric])), 0.08, DATA.metrics[metric].bounds);
  const y = scale([low, high], [height - EFFECT_MARGIN.bottom, EFFECT_MARGIN.top], false);
  return { width, height, low, high, y, inside: (value) => y(Math.min(Math.max(value, low), high)) };
}

function drawEffect(host, effect, metric) {
  const { label, shown: all } = DATA.settings[effect.setting];
  const valueOf = (run) => DATA.runs[run].settings[effect.setting];
  const blocks = effect.blocks.map((block) => block.filter((run) => drawn.has(run) && DATA.runs[run].values[metric] !== null)).filter((block) => new Set(block.map(valueOf)).size > 1);
  const runs = blocks.flat();
  host.setAttribute("data-runs", runs.length);
  if (!runs.length) return host.replaceChildren(element("p", { class: "empty" }, "nothing to compare"));
  const values = all.filter((value) => runs.some((run) => valueOf(run) === value));
  const { width, height, low, high, y, inside } = effectScale(host, metric, runs);
  const x = (index) => EFFECT_MARGIN.left + ((width - EFFECT_MARGIN.left - EFFECT_MARGIN.right) * (index + 0.5)) / values.length;
  const svg = element("svg:svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${DATA.metrics[metric].title} by ${label}: ${runs.length} runs` });
  const ticks = niceTicks(low, high, 4);
  const texts = tickTexts(ticks);
  ticks.forEach((tick, index) => {
    svg.append(element("svg:line", { class: "grid", x1: EFFECT_MARGIN.left - 6, x2: width - 4, y1: y(tick), y2: y(tick) }));
    svg.append(element("svg:text", { x: EFFECT_MARGIN.left - 10, y: y(tick) + 4, "text-anchor": "end" }, texts[index]));
  });
  const room = Math.max(1, Math.floor((width - 56) / values.length / 6.2)); // characters below each value
  const every = Math.max(Math.ceil(3 / room), Math.ceil(values.length / MAX_STEPS));
  const counts = values.map((value) => runs.filter((run) => valueOf(run) === value).length);
  const isEven = new Set(counts).size === 1; // then the count is said once, where many values leave no room
  cut(values, room * every).forEach((text, index) => {
    if (index % every) return;
    svg.append(element("svg:text", { x: x(index), y: height - 31, "text-anchor": "middle" }, text));
    if (!isEven) svg.append(element("svg:text", { x: x(index), y: height - 18, "text-anchor": "middle", class: "count" }, `n=${counts[index]}`));
  });
  if (isEven) svg.append(element("svg:text", { x: (EFFECT_MARGIN.left + width) / 2, y: height - 18, "text-anchor": "middle", class: "count" }, `n=${counts[0]} each`));
  svg.append(element("svg:text", { x: (EFFECT_MARGIN.left + width) / 2, y: height - 3, "text-anchor": "middle" }, label));
  const dots = [];
  for (const block of blocks) drawBlock(svg, { block, metric, values, valueOf, x, y, inside, dots, several: blocks.length > 1 });
  host.onpointermove = (event) => {
    const box = svg.getBoundingClientRect();
    const far = ([, dx, dy]) => Math.hypot(dx - (event.clientX - box.left), dy - (event.clientY - box.top));
    const near = dots.reduce((best, dot) => (far(dot) < far(best) ? dot : best));
    if (far(near) > 16) return hideTip();
    showTip(event.clientX, event.clientY, runTitle(near[0]), [`${DATA.metrics[metric].title}: ${number(DATA.runs[near[0]].values[metric])}`]);
  };
  host.onpointerleave = hideTip;
  host.replaceChildren(svg);
}

// One set of runs that agree in all else: its dots, the line through its means, intervals where there are enough.
function drawBlock(svg, { block, metric, values, valueOf, x, y, inside, dots, several }) {
  const means = [];
  values.forEach((value, index) => {
    const here = block.filter((run) => valueOf(run) === value);
    if (!here.length) return;
    const numbers = here.map((run) => DATA.runs[run].values[metric]);
    const [centre, half] = [mean(numbers), interval(numbers)];
    means.push(`${means.length ? "L" : "M"}${x(index).toFixed(1)} ${y(centre).toFixed(1)}`);
    if (half) svg.append(element("svg:path", { class: "interval", d: `M${x(index)} ${inside(centre - half)}V${inside(centre + half)}`, stroke: "var(--ink)", "stroke-width": several ? 1 : 1.6 }));
    here.forEach((run, place) => {
      const dx = x(index) + (here.length > 1 ? (place / (here.length - 1) - 0.5) * 8 : 0);
      dots.push([run, dx, y(DATA.runs[run].values[metric])]);
      svg.append(element("svg:circle", { cx: dx, cy: y(DATA.runs[run].values[metric]), r: 3, fill: colours[run], "fill-opacity": 0.8 }));
    });
  });
  svg.append(element("svg:path", { class: "means", d: means.join(""), fill: "none", stroke: "var(--ink)", "stroke-width": several ? 0.9 : 1.3, "stroke-opacity": several ? 0.45 : 0.7 }));
}

function buildEffects() {
  const metrics = DATA.metrics.flatMap((metric, index) => (metric.varies && metric.better !== "none" ? [index] : []));
  if (DATA.runs.length < 3 || !DATA.effects.length || !metrics.length) return;
  byId("effects").hidden = false;
  byId("effects").style.setProperty("--row-width", `${Math.min(DATA.effects.length, 6) * 190}px`);
  const leading = headlineOf(metrics);
  const rest = leading.length ? metrics.filter((metric) => !DATA.metrics[metric].headline) : [];
  const row = (metric) => {
    const { title, arrow, explanation } = DATA.metrics[metric];
    const panels = element("div", { class: "effect-panels" });
    for (const effect of DATA.effects) {
      const host = element("div", { class: "effect" });
      panels.append(host);
      whenSeen(host, () => drawEffect(host, effect, metric));
    }
    return element("div", { class: "effect-row", title: explanation }, element("h3", {}, title, " ", element("small", {}, arrow)), panels);
  };
  byId("effect-grid").append(...(leading.length ? leading : metrics).map(row));
  const more = byId("effect-more");
  if (!rest.length) return;
  more.hidden = false;
  more.querySelector("summary").textContent = `${rest.length} more metrics`;
  more.querySelector("div").append(...rest.map(row));
}
