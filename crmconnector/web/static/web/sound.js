// One soft two-tone per call, only when switched on and only for a tab nobody looks at. The desk phone rings anyway.
export function softTone() {
  try {
    const audio = new AudioContext();
    const at = audio.currentTime;
    for (const [place, pitch] of [[0, 660], [0.22, 880]]) {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, at + place);
      volume.gain.linearRampToValueAtTime(0.08, at + place + 0.03);
      volume.gain.exponentialRampToValueAtTime(0.001, at + place + 0.2);
      tone.connect(volume).connect(audio.destination);
      tone.start(at + place);
      tone.stop(at + place + 0.22);
    }
    setTimeout(() => audio.close(), 1000);
  } catch {
    // a browser without sound is no fault
  }
}
