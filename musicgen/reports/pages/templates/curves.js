// Curves of all runs laid over each other, a chart a metric; averaged with bands, or single.
function axisOf(curve) {
  const grid = DATA.grids[curve.grid];
  if (state.x === "step" || !grid.epoch) return { xs: grid.step, ys: curve.values };
  const sums = new Map(); // several points of one epoch are averaged
  grid.epoch.forEach((epoch, index) => {
    const value = curve.values[index];
    if (epoch === null || value === null) return;
    const [sum, count] = sums.get(epoch) || [0, 0];
    sums.set(epoch, [sum + value, count + 1]);
  });
  return { xs: [...sums.keys()], ys: [...sums.values()].map(([sum, count]) => sum / count) };
}

function average(curves) {
  const at = new Map();
  for (const { xs, ys } of curves) xs.forEach((x, i) => { if (ys[i] !== null) at.set(x, [...(at.get(x) || []), ys[i]]); });
  const xs = [...at.keys()].sort((a, b) => a - b);
  const ys = xs.map((x) => mean(at.get(x)));
  const half = xs.map((x) => interval(at.get(x)));
  return half.some(Boolean) ? { xs, ys, low: ys.map((y, i) => y - half[i]), high: ys.map((y, i) => y + half[i]) } : { xs, ys };
}

function linesOf(panel) {
  const owners = state.grouped ? DATA.groups : DATA.runs.map((run, index) => ({ name: run.name, number: run.number, members: [index] }));
  const lines = [];
  for (const series of panel.series) {
    if (series.split === "train" && !state.train) continue;
    for (const owner of owners) {
      const members = owner.members.filter((run) => drawn.has(run) && series.curves[run]);
      if (!members.length) continue;
      const axes = members.map((run) => axisOf(series.curves[run]));
      const line = axes.length > 1 ? average(axes) : axes[0];
      const split = { val: "held-out", train: "training" }[series.split] || series.name;
      lines.push({ ...line, name: `${owner.number} · ${owner.name}${axes.length > 1 ? ` (n=${axes.length})` : ""}`, split, run: members[0], runs: members, colour: colours[members[0]], dashed: series.split === "train" });
    }
  }
  return lines;
}

function buildCurves() {
  if (!DATA.panels.length) return;
  for (const panel of DATA.panels) {
    const plot = element("div", { class: "plot", tabindex: 0, role: "group", "aria-label": `${panel.title}; arrow keys walk along the curves` });
    const name = element("code", {}, panel.name);
    const chart = element("article", { class: "chart", "data-name": panel.name, title: panel.explanation }, element("h3", {}, panel.title, " ", element("small", {}, panel.arrow, " ", name)), plot);
    const [place, section] = panel.leading ? ["leading-charts", "leading"] : panel.folded ? ["folded-charts", "folded-curves"] : ["curve-charts", "curves"];
    byId(place).append(chart);
    byId(section).hidden = false;
    if (panel.folded) byId("curves").hidden = false;
    whenSeen(plot, (host) => drawLines(host, { title: panel.title, lines: linesOf(panel), baselines: panel.baselines, bounds: panel.bounds, xLabel: state.x }));
  }
  byId("folded-count").textContent = byId("folded-charts").childElementCount;
  const notes = [];
  if (DATA.thinned) notes.push(`Curves of more than ${DATA.thinned} points are thinned: each point is the mean of its neighbours.`);
  if (DATA.panels.some((panel) => panel.baselines.length)) notes.push("Dotted: trivial baselines, where they are in reach.");
  if (DATA.grouped) notes.push("Bands are Student’s 95 % interval of the mean over the runs of a group, from three runs on; wide ones are cut at the edge, and of many curves the one under the pointer shows its band.");
  byId("curve-note").textContent = notes.join(" ");
}

function buildLegend() {
  const legend = document.querySelector(".legend");
  const entries = legendEntries();
  const title = state.colour === "run" ? [] : [element("span", { class: "title" }, DATA.settings[state.colour].label)];
  legend.replaceChildren(...title, ...entries.map((entry) => {
    const swatch = element("svg:svg", { width: 18, height: 10, "aria-hidden": "true" }, element("svg:rect", { y: 3, width: 18, height: 4, rx: 2, fill: entry.colour }));
    const button = element("button", { type: "button", "aria-pressed": String(!state.hidden.has(entry.name)) }, swatch, entry.name);
    button.onclick = (event) => {
      if (event.shiftKey) { // alone, or all again
        const alone = entries.every((other) => other === entry || state.hidden.has(other.name));
        state.hidden = new Set(alone ? [] : entries.filter((other) => other !== entry).map((other) => other.name));
      } else if (!state.hidden.delete(entry.name)) state.hidden.add(entry.name);
      update();
    };
    button.onpointerenter = () => { if (entry.runs.length === 1 || state.grouped) setFocus(entry.runs[0]); };
    button.onpointerleave = () => setFocus(-1);
    button.title = `${entry.title}. Click: on or off. Shift and click: alone.`;
    return button;
  }));
}
