// Wires the parts together.
function update() {
  recolour();
  choose();
  buildLegend();
  updateTables();
  updatePieces();
  redraw();
  markOverflow();
  const { length } = DATA.runs;
  byId("count").textContent = shown.size === length ? `${length} run${length === 1 ? "" : "s"}` : `${shown.size} of ${length} runs`;
}

function buildToolbar() {
  byId("toolbar").onsubmit = (event) => event.preventDefault();
  byId("filter").oninput = (event) => {
    state.filter = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    update();
  };
  const select = byId("colour");
  select.append(element("option", { value: "run" }, DATA.grouped ? "by group" : "by run"));
  DATA.settings.forEach((setting, index) => select.append(element("option", { value: index }, `by ${setting.label}`)));
  const owners = DATA.grouped ? DATA.groups : DATA.runs;
  const choice = DATA.settings.findIndex((setting) => setting.key !== "seed" && setting.shown.length > 1);
  if (owners.length > PALETTE.light.length && choice >= 0) select.value = state.colour = choice;
  select.onchange = () => {
    state.colour = select.value === "run" ? "run" : Number(select.value);
    state.hidden.clear();
    update();
  };
  const radios = (name, change) => document.getElementsByName(name).forEach((radio) => { radio.onchange = () => { change(radio.value); update(); }; });
  radios("view", (value) => { state.grouped = value === "groups"; });
  radios("x", (value) => { state.x = value; });
  byId("log-y").onchange = (event) => { state.logY = event.target.checked; redraw(); };
  byId("train").onchange = (event) => { state.train = event.target.checked; redraw(); };
}

document.addEventListener("toggle", () => { drawRest(); markOverflow(); }, true);
buildToolbar();
listenToTables();
buildCurves();
buildEffects();
buildParallel();
buildPareto();
buildPieces();
update();
drawRest(PATIENCE);
dark.addEventListener("change", update);
let resizing = 0;
window.addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => { redraw(); markOverflow(); }, 120); });
window.addEventListener("beforeprint", () => redraw(true));
document.documentElement.dataset.ready = String(Math.round(performance.now()));
