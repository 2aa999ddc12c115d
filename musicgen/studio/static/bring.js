// Music that a person brings: a file dropped on the page, or what a MIDI keyboard sends.

import { request, sendJson } from "./api.js";

const by = (id) => document.getElementById(id);
const [NOTE_OFF, NOTE_ON, CONTROL] = [0x80, 0x90, 0xb0];
const SUSTAIN = 64;

export function acceptFiles({ opened, tempo }) {
  const say = (text) => (by("bring-said").textContent = text);
  const take = async (file) => {
    if (!file) return;
    say("");
    try {
      const answer = await request("POST", `/api/files?name=${encodeURIComponent(file.name)}`, { body: file });
      opened((await answer.json()).piece);
    } catch (refusal) {
      say(`${file.name}: ${refusal.message}`);
    }
  };
  by("file").addEventListener("change", async () => {
    await take(by("file").files[0]);
    by("file").value = "";
  });
  let inside = 0;
  const carries = (event) => [...event.dataTransfer.types].includes("Files");
  addEventListener("dragenter", (event) => {
    if (carries(event)) by("drop").hidden = (inside += 1) === 0;
  });
  addEventListener("dragleave", (event) => {
    if (carries(event)) by("drop").hidden = (inside -= 1) <= 0;
  });
  addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    inside = 0;
    by("drop").hidden = true;
    if (!carries(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  recordKeyboard({ opened, tempo, say });
}

function recordKeyboard({ opened, tempo, say }) {
  let recording = null;
  const button = by("record");
  button.addEventListener("click", async () => {
    say("");
    if (recording) {
      const { notes, pedal, inputs } = recording.stop();
      recording = null;
      for (const input of inputs) input.onmidimessage = null;
      button.setAttribute("aria-pressed", "false");
      button.textContent = "Record a keyboard";
      try {
        opened((await sendJson("POST", "/api/recordings", { tempo_bpm: tempo(), notes, pedal })).piece);
      } catch (refusal) {
        say(refusal.message);
      }
      return;
    }
    if (!navigator.requestMIDIAccess) return say("This browser has no Web MIDI; use Chrome, Edge or Firefox.");
    let access;
    try {
      access = await navigator.requestMIDIAccess();
    } catch {
      return say("The browser does not allow MIDI here; allow it beside the address, and press again.");
    }
    const inputs = [...access.inputs.values()];
    if (!inputs.length) return say("No MIDI keyboard is connected; plug one in and press again.");
    recording = new Recording(inputs, (count) => (button.textContent = `Stop (${count} notes)`));
    button.setAttribute("aria-pressed", "true");
    button.textContent = "Stop (play now)";
  });
}

// Notes and pedal of one take, in seconds from the first key on.
class Recording {
  notes = [];
  pedal = [];
  held = new Map();
  first = null;

  constructor(inputs, counted) {
    this.inputs = inputs;
    this.counted = counted;
    for (const input of inputs) input.onmidimessage = (message) => this.take(message.data, message.timeStamp);
  }

  take([status, one, two], stamp) {
    const kind = status & 0xf0;
    if (kind === NOTE_ON && two > 0) {
      this.first ??= stamp;
      this.release(one, stamp);
      this.held.set(one, [stamp, two]);
      this.counted(this.notes.length + this.held.size);
    } else if (kind === NOTE_OFF || kind === NOTE_ON) {
      this.release(one, stamp);
    } else if (kind === CONTROL && one === SUSTAIN && this.first !== null) {
      this.pedal.push([(stamp - this.first) / 1000, two]);
    }
  }

  release(pitch, stamp) {
    const begun = this.held.get(pitch);
    if (!begun) return;
    this.held.delete(pitch);
    const [onset, offset] = [(begun[0] - this.first) / 1000, (stamp - this.first) / 1000];
    if (pitch >= 21 && pitch <= 108) this.notes.push([pitch, onset, Math.max(offset, onset + 0.02), begun[1]]);
  }

  stop() {
    const now = performance.now();
    for (const pitch of [...this.held.keys()]) this.release(pitch, now);
    return this;
  }
}
