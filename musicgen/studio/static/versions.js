// The versions of the piece on the desk, side by side, and the list of all pieces.

import { sendJson } from "./api.js";
import { store, clockText, endOf } from "./store.js";
import { drawSmall } from "./roll.js";

const by = (id) => document.getElementById(id);
// Of a version beside its siblings: what sets it apart from them.
function shortName(piece) {
  const own = piece.name.split("→").at(-1).trim();
  return own.includes(" · ") ? `Version ${own.split(" · ").at(-1)}` : own[0].toUpperCase() + own.slice(1);
}

const SAID = { waiting: "waits", failed: "not written", cancelled: "cancelled" };

export class Versions {
  cards = new Map();

  constructor({ open }) {
    this.open = open;
    store.addEventListener("pieces", () => this.refresh());
    store.addEventListener("notes", ({ detail }) => this.drawCard(detail.id));
    store.addEventListener("draft", ({ detail }) => this.fill(detail.id));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.cards.forEach((_, id) => this.drawCard(id)));
    addEventListener("resize", () => this.cards.forEach((_, id) => this.drawCard(id)));
  }

  refresh() {
    if (this.asked) return;
    this.asked = true;
    queueMicrotask(() => {
      this.asked = false;
      this.refreshCards();
      this.refreshFamilies();
    });
  }

  refreshCards() {
    const piece = store.piece();
    const family = piece ? store.family(piece) : [];
    for (const [id, card] of this.cards) {
      if (!family.some((one) => one.id === id)) {
        card.remove();
        this.cards.delete(id);
      }
    }
    family.forEach((one, place) => {
      if (!this.cards.has(one.id)) this.cards.set(one.id, this.card(one));
      const card = this.cards.get(one.id);
      if (by("versions-row").children[place] !== card) by("versions-row").insertBefore(card, by("versions-row").children[place] ?? null);
      this.fill(one.id);
    });
    if (piece && this.shown !== piece.id) {
      this.shown = piece.id;
      this.cards.get(piece.id).scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    this.draw(family);
  }

  async draw(family) {
    for (const piece of family) {
      if (piece.state === "done") await store.load(piece.id).catch(() => {});
      this.drawCard(piece.id);
    }
  }

  card(piece) {
    const card = document.createElement("div");
    card.className = "version";
    card.dataset.id = piece.id;
    card.innerHTML =
      '<button type="button" class="open"><span class="title"></span><canvas aria-hidden="true"></canvas>' +
      '<progress max="1" hidden></progress><small></small></button>' +
      '<button type="button" class="stop" hidden>×</button>';
    card.querySelector(".open").addEventListener("click", () => this.open(piece.id));
    card.querySelector(".stop").addEventListener("click", () => {
      sendJson("POST", `/api/pieces/${piece.id}/cancel`).catch(() => {});
    });
    return card;
  }

  fill(id) {
    const card = this.cards.get(id);
    const piece = store.piece(id);
    if (!card || !piece) return;
    const title = shortName(piece);
    card.querySelector(".title").textContent = title;
    card.querySelector(".open").setAttribute("aria-current", String(id === store.current));
    card.classList.toggle("failed", piece.state === "failed");
    const unfinished = store.isUnfinished(piece);
    const { quarters = 0, total = 1 } = store.progress.get(id) ?? {};
    const progress = card.querySelector("progress");
    progress.hidden = piece.state !== "writing";
    progress.value = quarters / total;
    progress.setAttribute("aria-label", `${title} is being written`);
    const stop = card.querySelector(".stop");
    stop.hidden = !unfinished;
    stop.setAttribute("aria-label", `Cancel ${title}`);
    card.querySelector("small").textContent = this.about(piece, quarters, total);
  }

  about(piece, quarters, total) {
    if (piece.state === "writing") return quarters ? `quarter ${quarters} of ${total}` : "begins …";
    if (piece.state === "failed") return `${SAID.failed}: ${piece.reason}`;
    if (piece.state !== "done") return SAID[piece.state] + (piece.state === "waiting" && piece.reason ? `: ${piece.reason}` : "");
    return [clockText(piece.duration_s), piece.key || "silence", piece.revision ? "edited" : ""].filter(Boolean).join(" · ");
  }

  drawCard(id) {
    const card = this.cards.get(id);
    const notes = store.contents.get(id)?.notes;
    if (!card || !notes) return;
    const { total = 1 } = store.progress.get(id) ?? {};
    drawSmall(card.querySelector("canvas"), notes, Math.max(endOf(notes), total, 1), store.piece(id)?.span);
  }

  refreshFamilies() {
    const families = store.families();
    const opened = store.piece() ? store.root(store.piece()).group : null;
    by("no-pieces").hidden = families.length > 0;
    by("families").replaceChildren(
      ...families.map((pieces) => {
        const root = store.root(pieces[0]);
        const item = document.createElement("li");
        const button = Object.assign(document.createElement("button"), { type: "button" });
        const name = Object.assign(document.createElement("span"), { className: "name", textContent: root.name.split(" · ")[0] });
        const many = pieces.length === 1 ? "" : `${pieces.length} versions, `;
        const when = new Date(root.created * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
        const about = Object.assign(document.createElement("small"), { textContent: many + when });
        button.append(name, about);
        button.setAttribute("aria-current", String(root.group === opened));
        button.addEventListener("click", () => this.open(pieces.at(-1).id === store.current ? root.id : pieces.find((one) => one.state === "done")?.id ?? root.id));
        item.append(button);
        return item;
      }),
    );
  }
}
