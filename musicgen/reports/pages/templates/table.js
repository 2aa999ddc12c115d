// The tables of metrics: sorting, filtering, averaged or single runs, runs as lines or as columns.
const ownersOf = (view) => new Map(view === "groups"
  ? DATA.groups.map((group) => [`row ${group.number}`, group.members])
  : DATA.runs.map((run, index) => [`row ${run.number}`, [index]]));

const rowParts = (table) => table.querySelectorAll('[data-key^="row "]');

function updateTables() {
  if (DATA.grouped) for (const view of document.querySelectorAll(".view")) view.hidden = (view.dataset.view === "groups") !== state.grouped;
  for (const table of document.querySelectorAll("table.metrics")) {
    const owners = ownersOf(table.dataset.view);
    for (const part of rowParts(table)) {
      const runs = owners.get(part.dataset.key);
      part.hidden = !runs.some((run) => shown.has(run));
      part.style.setProperty("--run", colours[runs[0]]);
    }
  }
}

function compare(first, second, turned) { // what has no value comes last either way
  if (first === "" || second === "") return (first === "") - (second === "");
  const [a, b] = [Number(first), Number(second)];
  const order = isNaN(a) || isNaN(b) ? first.localeCompare(second, undefined, { numeric: true }) : a - b;
  return turned ? -order : order;
}

// The first click puts the better first: small values where lower is better, large ones where higher is.
function turn(button, table, key) {
  const [kind, index] = (key || "").split(" ");
  const better = kind === "metric" ? DATA.metrics[index].better : "lower";
  const first = better === "higher" ? "down" : "up";
  const order = button.dataset.order ? (button.dataset.order === "up" ? "down" : "up") : first;
  for (const other of table.querySelectorAll(".sort[data-order]")) {
    delete other.dataset.order;
    other.closest("th").removeAttribute("aria-sort");
  }
  button.dataset.order = order;
  button.closest("th").setAttribute("aria-sort", order === "up" ? "ascending" : "descending");
  return order === "down";
}

function sortLines(table, button) {
  const head = button.closest("th");
  const turned = turn(button, table, head.dataset.key);
  const [body, place] = [table.tBodies[0], head.cellIndex];
  const value = (line) => line.cells[place].dataset.value || "";
  body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b), turned)));
}

function sortColumns(table, button) {
  const line = button.closest("tr");
  const turned = turn(button, table, line.dataset.key);
  const cells = [...line.cells].filter((cell) => (cell.dataset.key || "").startsWith("row "));
  const order = cells.sort((a, b) => compare(a.dataset.value || "", b.dataset.value || "", turned)).map((cell) => cell.dataset.key);
  for (const other of table.rows) {
    const own = new Map([...other.cells].map((cell) => [cell.dataset.key, cell]));
    const rest = [...other.cells].slice(1 + order.length);
    other.append(...order.map((key) => own.get(key)), ...rest);
  }
}

function listenToTables() {
  for (const table of document.querySelectorAll("table.metrics")) {
    const owners = ownersOf(table.dataset.view);
    table.addEventListener("click", (event) => {
      const button = event.target.closest(".sort");
      if (!button) return;
      if (button.closest("thead")) { if (!(button.closest("th").dataset.key || "").startsWith("row ")) sortLines(table, button); }
      else sortColumns(table, button);
    });
    table.addEventListener("pointerover", (event) => {
      const part = event.target.closest('[data-key^="row "]');
      setFocus(part ? owners.get(part.dataset.key)[0] : -1);
    });
    table.addEventListener("pointerleave", () => setFocus(-1));
  }
}

// On a phone, a table without room stands line by line, each value with its heading; elsewhere it fades at the right.
const narrow = matchMedia("(max-width: 640px)");
function markOverflow() {
  for (const box of document.querySelectorAll(".scroll")) {
    box.classList.remove("stacked");
    const table = box.querySelector("table.metrics");
    if (table && narrow.matches && box.scrollWidth > box.clientWidth + 2) {
      const titles = [...table.tHead.rows[0].cells].map((head) => (head.querySelector(".sort") || head).textContent);
      for (const cell of table.querySelectorAll("td")) cell.dataset.head = titles[cell.cellIndex];
      box.classList.add("stacked");
    }
    const mark = () => box.classList.toggle("goes-on", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
    box.onscroll = mark;
    mark();
  }
}
