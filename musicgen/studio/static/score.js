// The score, engraved on the server a page at a time, while it is in view.

import { request } from "./api.js";
import { store, endOf, quarterAt } from "./store.js";

const by = (id) => document.getElementById(id);

export class Score {
  page = 0;
  pageQuarters = 48;
  shown = ""; // piece, revision and page of what is drawn
  visible = false;

  constructor(player) {
    this.player = player;
    this.follow = true;
    new IntersectionObserver(([entry]) => {
      this.visible = entry.isIntersecting;
      this.refresh();
    }, { rootMargin: "200px" }).observe(by("score-card"));
    by("page-back").addEventListener("click", () => this.turn(this.page - 1));
    by("page-on").addEventListener("click", () => this.turn(this.page + 1));
    player.addEventListener("change", () => this.onPlaying());
  }

  get pages() {
    return Math.max(1, Math.ceil(endOf(store.content()?.notes ?? []) / this.pageQuarters));
  }

  turn(page) {
    this.page = Math.max(0, Math.min(this.pages - 1, page));
    this.refresh();
  }

  onPlaying() {
    if (!this.player.playing || !this.follow || this.player.id !== store.current) return;
    const page = Math.floor(quarterAt(store.content()?.clock, this.player.position) / this.pageQuarters);
    if (page !== this.page) this.turn(page);
  }

  // Ask for the page that should be seen, unless it is there already.
  async refresh() {
    const piece = store.piece();
    this.page = Math.min(this.page, this.pages - 1);
    by("page-said").textContent = `${this.page + 1} of ${this.pages}`;
    by("page-back").disabled = this.page === 0;
    by("page-on").disabled = this.page >= this.pages - 1;
    if (!piece || !this.visible) return;
    const wanted = `${piece.id} ${piece.revision} ${this.page} ${piece.state}`;
    if (wanted === this.shown) return;
    this.shown = wanted;
    if (piece.state !== "done") {
      this.say(store.isUnfinished(piece) ? "The score is engraved when the version is written." : "There is nothing to engrave.");
      return;
    }
    by("score").setAttribute("aria-busy", "true");
    try {
      const answer = await request("GET", `/api/pieces/${piece.id}/score?page=${this.page}`);
      const address = URL.createObjectURL(await answer.blob());
      if (this.shown !== wanted) return URL.revokeObjectURL(address);
      const image = new Image();
      image.alt = `Score of ${piece.name}, page ${this.page + 1} of ${this.pages}`;
      image.onload = () => URL.revokeObjectURL(address);
      image.src = address;
      by("score").replaceChildren(image);
    } catch (refusal) {
      this.say(refusal.message);
      this.shown = "";
    } finally {
      by("score").setAttribute("aria-busy", "false");
    }
  }

  say(text) {
    by("score").replaceChildren(Object.assign(document.createElement("p"), { textContent: text }));
  }
}
