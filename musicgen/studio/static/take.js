// What can be taken away, where a piece comes from, and whether it copies.

import { store } from "./store.js";

const by = (id) => document.getElementById(id);
const FILES = [
  ["played.mid", "MIDI, as played", "tempo, pedal, loudness", "audio/midi", ".mid"],
  ["grid.mid", "MIDI, on the grid", "32nds of a quarter", "audio/midi", " (grid).mid"],
  ["score.musicxml", "MusicXML", "for notation programs", "application/vnd.recordare.musicxml+xml", ".musicxml"],
  ["sound.wav", "WAV", "as it sounds here", "audio/wav", ".wav"],
];

export function showFiles() {
  const piece = store.piece();
  const done = piece?.state === "done";
  const plain = (piece?.name ?? "piece").replace(/[^\p{L}\p{N} .-]+/gu, "_").trim();
  by("files").replaceChildren(
    ...(done ? FILES : []).map(([kind, name, about, type, ending]) => {
      const link = document.createElement("a");
      link.href = `/api/pieces/${piece.id}/files/${kind}`;
      link.download = plain + ending;
      link.draggable = true;
      link.append(Object.assign(document.createElement("b"), { textContent: name }));
      link.append(Object.assign(document.createElement("span"), { textContent: about }));
      link.addEventListener("dragstart", (event) => {
        const place = new URL(link.href, location.href).href;
        event.dataTransfer.effectAllowed = "copy";
        event.dataTransfer.setData("DownloadURL", `${type}:${plain + ending}:${place}`);
        event.dataTransfer.setData("text/uri-list", place);
      });
      return link;
    }),
  );
  by("copy").textContent = !done ? "" : (piece.copy?.text ?? (piece.settings.run ? "Looking for copied passages …" : ""));
  by("copy").className = `copy ${piece?.copy?.tone ?? ""}`;
  by("origin").textContent = done ? origin(piece) : "";
}

function origin(piece) {
  const asked = piece.settings;
  const edited = piece.revision ? ` Edited by hand.` : "";
  if (!asked.run) return (piece.kind === "recording" ? "Recorded here." : "A file of yours.") + edited;
  const names = Object.values(asked.labels ?? {}).flatMap((shares) => Object.keys(shares));
  const words = [`Run ${asked.run}`, `seed ${asked.seed}`, `freedom ${asked.temperature}`];
  if (names.length) words.push(`like ${names.join(" and ")}`);
  return `${words.join(", ")}.${edited} Every file says so.`;
}
