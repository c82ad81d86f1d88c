// Text of strangers where there is no markup to hold it: titles, notifications, the line that is read out.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g; // controls, writing direction

export function plain(text, most = 200) {
  const letters = [...String(text ?? "").slice(0, most * 8).replace(HIDDEN, " ").replace(/\s+/g, " ").trim()];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : letters.join("");
}
