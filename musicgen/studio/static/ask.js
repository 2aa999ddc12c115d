// The form: it shows what the chosen run can be asked for, and no other controls.

import { getJson } from "./api.js";

const by = (id) => document.getElementById(id);
const KEYS = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
const FIELD_NAMES = { composer: "Composer", era: "Era", key: "Key", mode: "Mode" };
const ATTRIBUTE_NAMES = {
  "mood.arousal": ["Calm or lively", "calm", "lively"],
  "mood.valence": ["Dark or bright", "dark", "bright"],
  density: ["Density", "few notes", "many notes"],
  register: ["Register", "low", "high"],
  polyphony: ["Texture", "thin", "full"],
  note_length: ["Note lengths", "short", "long"],
  harmonic_change: ["Harmony", "still", "restless"],
  valence: ["Dark or bright", "dark", "bright"],
};
const FREEDOM = [[0.75, "strict"], [0.95, "careful"], [1.15, "usual"], [1.3, "bold"], [9, "wild"]];

export class Ask {
  offer = { labels: {}, attributes: {} };
  shares = {}; // by field: Map of name -> 0..100
  wanted = {}; // attributes that were moved
  lastSeed = null;

  constructor() {
    for (const mode of ["major", "minor"]) {
      const group = document.createElement("optgroup");
      group.label = mode;
      for (const tonic of KEYS) group.append(new Option(`${tonic.replace("b", "♭").replace("#", "♯")} ${mode}`, `${tonic} ${mode}`));
      by("key").append(group);
    }
    for (const id of ["quarters", "tempo", "temperature", "guidance", "best-of", "share"]) {
      by(id).addEventListener("input", () => this.say());
    }
    by("run").addEventListener("change", () => this.choose(by("run").value));
    by("key").addEventListener("change", () => this.weigh());
    this.say();
  }

  get run() {
    return by("run").value;
  }

  setRuns(names, limits) {
    const kept = this.run || localStorage.getItem("run");
    const same = [...by("run").options].map((option) => option.value).join("\n") === names.join("\n");
    by("quarters").max = Math.min(256, limits.quarters);
    if (same) return;
    by("run").replaceChildren(...names.map((name) => new Option(name, name)));
    if (names.includes(kept)) by("run").value = kept;
    this.choose(this.run);
  }

  async choose(run) {
    if (!run) return;
    localStorage.setItem("run", run);
    by("write").disabled = true;
    by("ask-said").textContent = "";
    try {
      this.offer = await getJson(`/api/offer?run=${encodeURIComponent(run)}`);
    } catch (refusal) {
      by("ask-said").textContent = refusal.message;
      return;
    } finally {
      by("write").disabled = false;
    }
    this.shares = {};
    this.wanted = {};
    by("labels").replaceChildren(...Object.entries(this.offer.labels).map((entry) => this.field(...entry)));
    by("attributes").replaceChildren(...Object.entries(this.offer.attributes).map((entry) => this.attribute(...entry)));
    for (const id of ["fill", "vary", "share-row"]) by(id).hidden = !this.offer.retouches;
    this.weigh();
    by("write").dataset.ready = run;
  }

  // One field, such as the composer: choose names, and how much of each.
  field(field, names) {
    const box = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = FIELD_NAMES[field] ?? field;
    const choice = document.createElement("select");
    choice.setAttribute("aria-label", `Add: ${legend.textContent}`);
    const rows = document.createElement("div");
    const shares = (this.shares[field] = new Map());
    const refresh = () => {
      const rest = names.filter((name) => !shares.has(name));
      const first = shares.size ? "blend with …" : "any";
      choice.replaceChildren(new Option(first, ""), ...rest.map((name) => new Option(name, name)));
      choice.hidden = !rest.length;
      rows.replaceChildren(...[...shares.keys()].map((name) => this.blend(name, shares, refresh)));
      this.weigh();
    };
    choice.addEventListener("change", () => {
      if (choice.value) shares.set(choice.value, shares.size ? 50 : 100);
      refresh();
    });
    refresh();
    box.append(legend, choice, rows);
    return box;
  }

  blend(name, shares, refresh) {
    const row = document.createElement("div");
    row.className = "blend";
    const label = document.createElement("span");
    label.className = "name";
    label.textContent = label.title = name;
    const said = document.createElement("output");
    const slider = Object.assign(document.createElement("input"), { type: "range", min: 5, max: 100, step: 5 });
    slider.value = shares.get(name);
    slider.setAttribute("aria-label", `Share of ${name}`);
    slider.hidden = shares.size < 2;
    const tell = () => {
      const sum = [...shares.values()].reduce((total, share) => total + share, 0);
      said.textContent = shares.size < 2 ? "" : `${Math.round((100 * shares.get(name)) / sum)} %`;
    };
    slider.addEventListener("input", () => {
      shares.set(name, Number(slider.value));
      slider.closest("fieldset").dispatchEvent(new Event("shares"));
    });
    queueMicrotask(() => row.closest("fieldset")?.addEventListener("shares", tell));
    const less = document.createElement("button");
    less.type = "button";
    less.textContent = "×";
    less.setAttribute("aria-label", `Leave out ${name}`);
    less.addEventListener("click", () => {
      shares.delete(name);
      refresh();
    });
    tell();
    row.append(label, said, less, slider);
    return row;
  }

  // A measured attribute, such as density, between its lowest and its highest value.
  attribute(name, [low, usual, high]) {
    const [title, lowWord, highWord] = ATTRIBUTE_NAMES[name] ?? [name, "low", "high"];
    const label = document.createElement("label");
    label.className = "row";
    const said = document.createElement("output");
    said.className = "value";
    said.textContent = "any";
    const slider = Object.assign(document.createElement("input"), { type: "range", min: low, max: high, step: (high - low) / 20 });
    slider.value = usual;
    slider.id = label.htmlFor = `attribute-${name}`; // else the label would name the output
    slider.addEventListener("input", () => {
      this.wanted[name] = Number(slider.value);
      this.weigh();
      const share = (slider.value - low) / (high - low);
      said.textContent = share < 0.4 ? lowWord : share > 0.6 ? highWord : "between";
    });
    label.append(title, said, slider);
    return label;
  }

  get isAsking() {
    return Object.keys(this.wanted).length > 0 || Object.values(this.shares).some((shares) => shares.size > 0);
  }

  // Whether there is something to choose by: composers by a classifier, the key of new pieces by measuring.
  isChoosing(kind) {
    return (this.isAsking && this.offer.chooses) || (kind === "new" && by("key").value !== "");
  }

  // How much labels count, and draws to choose from, are of no use while none is asked for.
  weigh() {
    by("guidance-row").hidden = !this.isAsking;
    by("best-of-row").hidden = !this.isChoosing("new");
  }

  say() {
    const quarters = Number(by("quarters").value);
    by("quarters-said").textContent = `${quarters / 4} bars`;
    by("tempo-said").textContent = `♩ = ${by("tempo").value}`;
    const temperature = Number(by("temperature").value);
    by("temperature-said").textContent = FREEDOM.find(([most]) => temperature <= most)[1];
    by("guidance-said").textContent = `${Number(by("guidance").value)} ×`;
    by("best-of-said").textContent = by("best-of").value;
    by("share-said").textContent = `${by("share").value} %`;
  }

  // What is asked for, as the server reads it.
  read(kind, { piece = "", span = null } = {}) {
    const labels = {};
    for (const [field, shares] of Object.entries(this.shares)) if (shares.size) labels[field] = Object.fromEntries(shares);
    return {
      run: this.run,
      kind,
      quarters: Number(by("quarters").value),
      tempo_bpm: Number(by("tempo").value),
      temperature: Number(by("temperature").value),
      guidance: this.isAsking ? Number(by("guidance").value) : 1,
      best_of: this.isChoosing(kind) ? Number(by("best-of").value) : 0,
      seed: by("seed").value === "" ? null : Number(by("seed").value),
      key: kind === "new" ? by("key").value : "",
      labels,
      attributes: this.wanted,
      piece,
      span,
      share: kind === "vary" ? Number(by("share").value) / 100 : 1,
      versions: Number(by("versions").value),
    };
  }
}
