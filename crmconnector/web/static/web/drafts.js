// What was typed and not saved yet survives a reload of the page, in this tab only.
import { isDirty } from "./morph.js";

const KEY = "desk.drafts";
const FIELDS = "input[data-keep]:not([type=checkbox], [type=radio]), textarea[data-keep]";

export function keepDrafts(home) {
  addEventListener("pagehide", () => {
    const drafts = [...home.querySelectorAll(FIELDS)].filter(isDirty).map((field) => [field.dataset.keep, field.value]);
    try {
      if (drafts.length) sessionStorage.setItem(KEY, JSON.stringify(drafts));
    } catch {
      // forbidden storage: the note was saved up to the last second anyway
    }
  });
}

export function restoreDrafts(home) {
  let drafts = [];
  try {
    drafts = JSON.parse(sessionStorage.getItem(KEY) || "[]");
    sessionStorage.removeItem(KEY);
  } catch {
    return;
  }
  for (const [key, text] of drafts) {
    const field = [...home.querySelectorAll(FIELDS)].find((each) => each.dataset.keep === key);
    if (!field || field.value === text) continue;
    field.value = text;
    document.addEventListener("htmx:load", () => field.dispatchEvent(new Event("input", { bubbles: true })), { once: true });
  }
}
