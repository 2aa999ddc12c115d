// A piano made of damped partials, computed once a pitch, and a player of notes.
const TONE_RATE = 24000;
const AHEAD_S = 1.2; // how far notes are scheduled ahead: browsers slow timers down in the background

const piano = { context: null, out: null, tones: new Map() };

function startPiano() {
  if (!piano.context) {
    piano.context = new AudioContext();
    const limiter = piano.context.createDynamicsCompressor();
    piano.out = piano.context.createGain();
    piano.out.gain.value = 0.5;
    piano.out.connect(limiter).connect(piano.context.destination);
  }
  return piano.context.resume();
}

// Partials of a stiff string, the higher the softer and the sooner gone; y[n] = 2 r cos(w) y[n-1] - r^2 y[n-2].
function tone(pitch) {
  if (piano.tones.has(pitch)) return piano.tones.get(pitch);
  const frequency = 440 * 2 ** ((pitch - 69) / 12);
  const lasting = 2.4 * 2 ** ((48 - pitch) / 24) + 0.25; // seconds until the first partial has 1/e
  const samples = new Float32Array(Math.ceil(Math.min(5, lasting * 4) * TONE_RATE));
  for (let partial = 1; partial <= 14; partial++) {
    const hertz = partial * frequency * Math.sqrt(1 + 0.0004 * partial * partial);
    if (hertz > TONE_RATE * 0.42) break;
    const turn = (2 * Math.PI * hertz) / TONE_RATE;
    const decay = Math.exp((-1 - 0.45 * (partial - 1)) / (lasting * TONE_RATE));
    const loudness = partial ** -1.1 * Math.exp(-hertz / 5200) * (partial % 7 ? 1 : 0.3);
    const [first, second] = [2 * decay * Math.cos(turn), decay * decay];
    let [before, last] = [0, loudness * decay * Math.sin(turn)];
    for (let n = 1; n < samples.length; n++) {
      samples[n] += last;
      [before, last] = [last, first * last - second * before];
    }
  }
  let peak = 0;
  for (const value of samples) peak = Math.max(peak, Math.abs(value));
  const fade = Math.min(samples.length, 2400);
  for (let n = 0; n < samples.length; n++) samples[n] *= (Math.min(1, n / 60) * Math.min(1, (samples.length - n) / fade)) / peak;
  const buffer = piano.context.createBuffer(1, samples.length, TONE_RATE);
  buffer.copyToChannel(samples, 0);
  piano.tones.set(pitch, buffer);
  return buffer;
}

function strike(pitch, velocity, at, until) {
  const source = piano.context.createBufferSource();
  const gain = piano.context.createGain();
  source.buffer = tone(pitch);
  const loudness = (velocity / 127) ** 1.6 * 0.6;
  gain.gain.setValueAtTime(loudness, at);
  gain.gain.setTargetAtTime(0, until, 0.07);
  source.connect(gain).connect(piano.out);
  source.start(at);
  source.stop(until + 0.6);
  return { source, gain };
}

// Plays one list of notes at a time; tells where it is through `onTime`.
const player = { notes: null, from: 0, began: 0, next: 0, sounding: [], timer: 0, onTime: null, onEnd: null };

async function play(notes, from, onTime, onEnd) {
  stopPlaying();
  await startPiano();
  Object.assign(player, { notes, from, onTime, onEnd, began: piano.context.currentTime + 0.08, sounding: [] });
  player.next = notes.onset.findIndex((onset) => onset >= from - 0.01);
  if (player.next < 0) player.next = notes.count;
  scheduleNotes();
  player.timer = setInterval(scheduleNotes, 150);
  requestAnimationFrame(followPlaying);
}

function playingAt() { return player.from + Math.max(0, piano.context.currentTime - player.began); }

function scheduleNotes() {
  const { notes } = player;
  const now = piano.context.currentTime;
  while (player.next < notes.count && notes.onset[player.next] < playingAt() + AHEAD_S) {
    const at = Math.max(now, player.began + notes.onset[player.next] - player.from);
    const until = at + notes.duration[player.next];
    player.sounding.push({ ...strike(notes.pitch[player.next], notes.velocity[player.next], at, until), until });
    player.next++;
  }
  player.sounding = player.sounding.filter(({ until }) => until > now - 1);
}

function followPlaying() {
  if (!player.notes) return;
  const at = playingAt();
  if (at >= player.notes.seconds) { const { onEnd } = player; stopPlaying(); onEnd(); return; }
  player.onTime(at);
  requestAnimationFrame(followPlaying);
}

function stopPlaying() {
  if (!player.notes) return;
  clearInterval(player.timer);
  const now = piano.context.currentTime;
  for (const { source, gain } of player.sounding) {
    gain.gain.cancelScheduledValues(now);
    gain.gain.setTargetAtTime(0, now, 0.03);
    source.stop(now + 0.2);
  }
  player.notes = null;
}
