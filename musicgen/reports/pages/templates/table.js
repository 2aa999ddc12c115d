// The tables of final metrics: sorting and filtering, runs as rows or as columns.
function ownersOf(view) { return view === "groups" ? DATA.groups.map((group) => group.members) : DATA.runs.map((_, run) => [run]); }

function updateTables() {
  for (const table of document.querySelectorAll("table.metrics")) {
    const { view } = table.dataset;
    if (DATA.grouped) table.hidden = (view === "groups") !== state.grouped;
    const owners = ownersOf(view);
    for (const part of table.querySelectorAll("[data-row]")) part.hidden = !owners[part.dataset.row].some((run) => shown.has(run));
  }
}

function compare(first, second, turned) { // what has no value comes last either way
  if (first === "" || second === "") return (first === "") - (second === "");
  const [a, b] = [Number(first), Number(second)];
  const order = isNaN(a) || isNaN(b) ? first.localeCompare(second, undefined, { numeric: true }) : a - b;
  return turned ? -order : order;
}

// The first click puts the better first: small values where lower is better, large ones where higher is.
function turn(button, table, metric) {
  const better = metric === null ? "lower" : DATA.metrics[metric].better;
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

function sortRows(table, button) {
  const head = button.closest("th");
  const metric = head.dataset.metric === undefined ? null : Number(head.dataset.metric);
  const turned = turn(button, table, metric);
  const body = table.tBodies[0];
  const key = (row) => row.cells[Number(head.dataset.column)].dataset.value;
  body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b), turned)));
}

function sortColumns(table, button) {
  const row = button.closest("tr");
  const turned = turn(button, table, Number(row.dataset.metric));
  const values = new Map([...row.querySelectorAll("td")].map((cell) => [cell.dataset.row, cell.dataset.value]));
  const order = [...values.keys()].sort((a, b) => compare(values.get(a), values.get(b), turned));
  for (const line of table.rows) {
    const cells = new Map([...line.querySelectorAll("[data-row]")].map((cell) => [cell.dataset.row, cell]));
    line.append(...order.map((key) => cells.get(key)), ...line.querySelectorAll(".real"));
  }
}

function listenToTables() {
  for (const table of document.querySelectorAll("table.metrics")) {
    const sort = table.classList.contains("wide") ? sortColumns : sortRows;
    table.addEventListener("click", (event) => {
      const button = event.target.closest(".sort");
      if (button) sort(table, button);
    });
    const owners = ownersOf(table.dataset.view);
    table.addEventListener("pointerover", (event) => {
      const part = event.target.closest("[data-row]");
      setFocus(part ? owners[part.dataset.row][0] : -1);
    });
    table.addEventListener("pointerleave", () => setFocus(-1));
  }
  const all = byId("all-metrics");
  if (all) all.onchange = () => document.querySelectorAll("table.long").forEach((table) => table.classList.toggle("all", all.checked));
}
