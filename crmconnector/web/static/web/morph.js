// A newer version of a card is drawn into the old one instead of replacing it: what did not change stays the same node,
// so a caret, a selection, a scrolled list, an open <details> and a half typed word (with its undo) are never touched.
const FIELDS = "input:not([type=hidden]), textarea, select";
const inHand = new WeakMap(); // field -> value that is on its way to the server
const saved = new WeakMap(); // field -> texts the server had before: a late card with one of them is not news

const isField = (node) => node.nodeType === Node.ELEMENT_NODE && node.matches(FIELDS);
const isTick = (field) => field.type === "checkbox" || field.type === "radio";
const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.keep || node.id || "" : "");
const fieldKey = (field) => keyOf(field) || (field.name ? `${field.name}=${isTick(field) ? field.value : ""}` : "");
const kindOf = (node) => `${node.nodeName}.${node.classList?.[0] ?? ""}`;
const fieldsIn = (node) => (isField(node) ? [node] : [...(node.querySelectorAll?.(FIELDS) ?? [])]);

// Did somebody type, tick or choose something here that the server has not got?
export function isDirty(field) {
  if (isTick(field)) return field.checked !== field.defaultChecked;
  if (field.tagName === "SELECT") return field.selectedIndex !== defaultIndex(field);
  return field.value !== field.defaultValue;
}

export const hasTyped = (node) => fieldsIn(node).some(isDirty);

// A drop-down that marks nothing as selected begins with its first choice; a longer list with none.
function defaultIndex(select) {
  const marked = [...select.options].findIndex((option) => option.defaultSelected);
  return marked < 0 && !select.multiple && select.size < 2 ? 0 : marked;
}

// --- forms on their way ----------------------------------------------------------------------------------------------

export function sending(form) {
  for (const field of fieldsIn(form)) if (isDirty(field)) inHand.set(field, field.value);
}

// The server has it: what was sent is no longer the person's own draft, unless more was typed since.
export function settled(form, accepted) {
  for (const field of fieldsIn(form)) {
    const sent = inHand.get(field);
    inHand.delete(field);
    if (accepted && sent !== undefined && field.value === sent) makeDefault(field);
  }
}

function makeDefault(field) {
  if (isTick(field)) field.defaultChecked = field.checked;
  else if (field.tagName === "SELECT") for (const option of field.options) option.defaultSelected = option.selected;
  else {
    saved.set(field, (saved.get(field) ?? new Set()).add(field.defaultValue));
    field.defaultValue = field.value;
  }
}

// --- drawing ---------------------------------------------------------------------------------------------------------

// Makes the card `old` look like `fresh`. The focus stays; if what had it is gone, it goes to the same field, the
// same button, or the card itself. Returns the fields to which something typed had to move: what saves by itself must
// be told that it has something to save.
export function morph(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const drafts = fieldsIn(old).map(draftOf);
  const parts = [...old.querySelectorAll("[data-keep]")].filter(isFilledPart);
  const kept = { wanted: new Set(fieldsIn(fresh).map(fieldKey).filter(Boolean)) };
  drawNode(old, fresh, kept);
  for (const part of parts) if (!old.contains(part)) carryPart(part, old);
  const moved = drafts.filter((draft) => !old.contains(draft.field)).map((draft) => carry(draft, old, draft.field === focused));
  if (focused && !old.contains(document.activeElement)) (sameButton(old, focused) || old).focus({ preventScroll: true });
  return moved.filter(Boolean);
}

// A place that is filled after the card was drawn, such as with what was found: the server draws it empty.
function isFilledPart(node) {
  return node.dataset?.keep !== undefined && !isField(node) && node.tagName !== "DETAILS" && node.firstElementChild !== null;
}

function carryPart(part, card) {
  const place = [...card.querySelectorAll("[data-keep]")].find((each) => each.dataset.keep === part.dataset.keep);
  if (place && !place.firstElementChild) place.replaceWith(part);
}

function draftOf(field) {
  const { value, checked, scrollTop } = field;
  const text = !isTick(field) && field.tagName !== "SELECT";
  return { field, key: fieldKey(field), dirty: isDirty(field), value, checked, scrollTop, caret: text && caretOf(field) };
}

function caretOf(field) {
  try {
    return field.selectionStart === null ? null : [field.selectionStart, field.selectionEnd, field.selectionDirection];
  } catch {
    return null; // a kind of field without a caret
  }
}

// The field stands somewhere else in the newer card: what was typed moves over. Returns the field if it was.
function carry(draft, card, focused) {
  const field = draft.key && fieldsIn(card).find((each) => fieldKey(each) === draft.key);
  if (!field) return null;
  if (draft.dirty && isTick(field)) field.checked = draft.checked;
  else if (draft.dirty) field.value = draft.value;
  field.scrollTop = draft.scrollTop;
  if (focused) field.focus({ preventScroll: true });
  if (focused && draft.caret) field.setSelectionRange(...draft.caret);
  return draft.dirty ? field : null;
}

function sameButton(card, focused) {
  const key = focused.getAttribute("aria-keyshortcuts");
  return (focused.id && card.querySelector(`#${CSS.escape(focused.id)}`)) || (key && card.querySelector(`[aria-keyshortcuts="${CSS.escape(key)}"]`));
}

function drawNode(old, fresh, kept) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.type === "hidden" && old.form && hasTyped(old.form)) return; // says to which state of the row the draft belongs
  const draft = isField(old) && isDirty(old);
  drawAttributes(old, fresh);
  if (old.tagName === "TEXTAREA") drawText(old, fresh, draft);
  else if (!(old.tagName === "SELECT" && draft) && !(isFilledPart(old) && !fresh.firstElementChild)) drawChildren(old, fresh, kept);
  if (isField(old) && !draft && isTick(old)) old.checked = fresh.defaultChecked;
  else if (old.tagName === "INPUT" && !draft && old.value !== fresh.value) setText(old, fresh.value);
}

function drawAttributes(old, fresh) {
  const own = (name) => old.tagName === "DETAILS" && name === "open"; // opened or shut by the person
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !own(name)) old.removeAttribute(name);
  const typed = isField(old) && isDirty(old) ? old.value : null;
  for (const { name, value } of [...fresh.attributes]) if (!own(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (typed !== null && !isTick(old) && old.value !== typed) old.value = typed;
}

function drawText(old, fresh, draft) {
  if (old.defaultValue === fresh.defaultValue) return;
  const { value } = old;
  if (!draft && saved.get(old)?.has(fresh.defaultValue)) return;
  old.defaultValue = fresh.defaultValue;
  setText(old, draft ? value : fresh.defaultValue);
}

function setText(field, value) {
  if (field.value === value) return;
  const caret = document.activeElement === field ? caretOf(field) : null;
  field.value = value;
  if (caret) field.setSelectionRange(...caret);
}

function drawChildren(old, fresh, kept) {
  const keys = new Set([...fresh.children].map(keyOf).filter(Boolean));
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const match = counterpart(old, at, wanted, keys);
    if (!match) {
      old.insertBefore(wanted, at);
      continue;
    }
    at = bringTo(old, match, at);
    drawNode(match, wanted, kept);
    at = match.nextSibling;
  }
  for (let next; at; at = next) {
    next = at.nextSibling;
    if (mayGo(at, kept)) at.remove();
  }
}

function counterpart(parent, at, wanted, keys) {
  const key = keyOf(wanted);
  if (key) return [...parent.children].find((child) => keyOf(child) === key && child.nodeName === wanted.nodeName);
  for (let node = at; node; node = node.nextSibling) {
    if (kindOf(node) === kindOf(wanted) && !keys.has(keyOf(node)) && !keyOf(node)) return node;
  }
  return null;
}

// Whatever has the focus is never moved: a moved node loses it. The others make room.
function bringTo(parent, match, at) {
  if (match === at) return at;
  if (!match.contains(document.activeElement)) return parent.insertBefore(match, at);
  while (at && at !== match) {
    const next = at.nextSibling;
    parent.insertBefore(at, match.nextSibling);
    at = next;
  }
  return match;
}

// A half written note is never thrown away: if the newer card has no place for it, it stays where it was.
function mayGo(node, kept) {
  return fieldsIn(node).every((field) => field.tagName !== "TEXTAREA" || !isDirty(field) || inHand.has(field) || kept.wanted.has(fieldKey(field)));
}
