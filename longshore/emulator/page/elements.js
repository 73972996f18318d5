// What changes the page, and the texts that things become. Whatever comes from containers and clients gets onto
// the page as text alone (textContent), never as HTML.

const STATUSES = {
  good: ["InService", "Completed"],
  bad: ["Failed", "UpdateRollbackFailed", "OutOfService"],
  idle: ["Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded", "Interrupted"],
};

export const at = (id) => document.getElementById(id);

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

// Only what differs is touched, so that nothing flickers and a selection stays.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

// One child for each item, in the items' order. What stays is not moved, so that it keeps the focus.
export function keyed(parent, items, keyOf, create, update) {
  const wanted = new Map(items.map((item) => [keyOf(item), item]));
  const there = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key)) there.set(child.dataset.key, child);
    else child.remove();
  }
  let next = parent.firstElementChild;
  for (const [key, item] of wanted) {
    let child = there.get(key);
    if (child === undefined) {
      child = create(item);
      child.dataset.key = key;
    }
    update(child, item);
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

export function state(element, status, text = status) {
  say(element, text);
  const found = Object.keys(STATUSES).find((kind) => STATUSES[kind].includes(status)) ?? "busy";
  element.className = `status ${found}`;
}

export function facts(list, pairs) {
  const row = () => {
    const element = make("div");
    element.append(make("dt"), make("dd"));
    return element;
  };
  keyed(list, pairs, ([label]) => label, row, (element, [label, text]) => {
    say(element.children[0], label);
    say(element.children[1], text);
  });
}

// Texts

export function time(seconds) {
  const when = new Date(seconds * 1000);
  const today = when.toDateString() === new Date().toDateString();
  return today ? when.toLocaleTimeString("en-GB") : when.toLocaleString("en-GB");
}

export function ms(number) {
  return number === null ? "–" : `${number < 100 ? number.toFixed(1) : Math.round(number)} ms`;
}

// A control character would be unseen, or move what follows it: ESC shows as ^[, as `cat -v` has it.
export function visible(text) {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f]/g,
    (one) => `^${String.fromCharCode(one.charCodeAt(0) ^ 64)}`);
}
