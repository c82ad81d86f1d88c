// One soft two-tone per call, or one quiet tick while somebody talks. The desk phone rings anyway; we do not compete.
// A browser plays nothing in a page that nobody has clicked or typed in since it was opened.
const GAP_MS = 1000; // many calls at once are one tone
const TONE = { notes: [[0, 660], [0.22, 880]], loud: 0.08, lasts: 0.2 };
const TICK = { notes: [[0, 440]], loud: 0.02, lasts: 0.05 };
let lastAt = -Infinity;

export const softTone = () => play(TONE);
export const quietTick = () => play(TICK);

function play({ notes, loud, lasts }) {
  if (performance.now() - lastAt < GAP_MS) return;
  lastAt = performance.now();
  try {
    const audio = new AudioContext();
    const at = audio.currentTime;
    for (const [place, pitch] of notes) {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, at + place);
      volume.gain.linearRampToValueAtTime(loud, at + place + Math.min(0.03, lasts / 3));
      volume.gain.exponentialRampToValueAtTime(0.001, at + place + lasts);
      tone.connect(volume).connect(audio.destination);
      tone.start(at + place);
      tone.stop(at + place + lasts + 0.02);
    }
    setTimeout(() => audio.close(), 1000);
  } catch {
    // a browser without sound is no fault
  }
}
