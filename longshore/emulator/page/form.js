// The form that invokes. What was typed stays while the page is open, whichever endpoint is shown.

import { at, facts, keyed, make, say, show } from "./elements.js";

let endpoint = ""; // that is shown

export function leaveForm(name) {
  endpoint = name ?? "";
  show(at("result"), false);
}

// What the shown endpoint can be asked: by which variants and containers, or not in this way at all.
export function fitForm(answer) {
  offer("variants", answer.variants);
  offer("containers", answer.targetContainers);
  const direct = answer.targetContainers.length > 0;
  show(at("target-container"), direct);
  at("form").elements.targetContainer.disabled = !direct; // what was typed for another endpoint is not sent
  show(at("form"), !answer.asynchronous);
  show(at("asynchronous"), answer.asynchronous);
  say(at("asynchronous-name"), endpoint);
}

function offer(list, names) {
  keyed(at(list), names, String, () => make("option"), (element, name) => { element.value = name; });
}

export function prepareForm() {
  const form = at("form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  form.elements.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.elements.file.addEventListener("change", () => takeFile(form));
  at("no-file").addEventListener("click", () => {
    form.elements.file.value = "";
    takeFile(form);
    form.elements.text.focus();
  });
}

function takeFile(form) {
  const chosen = form.elements.file.files.length > 0;
  form.elements.text.disabled = chosen;
  show(at("no-file"), chosen);
}

async function send(form) {
  const asked = endpoint;
  const button = at("send");
  if (button.disabled) return;
  button.disabled = true;
  say(button, "Invoking…");
  const fields = form.elements;
  const request = { endpoint: asked };
  for (const name of ["contentType", "accept", "targetVariant", "targetModel", "targetContainer"]) {
    if (!fields[name].disabled) request[name] = fields[name].value.trim();
  }
  let answer;
  try {
    request.body = await base64(fields.file.files[0] ?? new Blob([fields.text.value]));
    const response = await fetch("/_longshore/invoke", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(request),
    });
    answer = response.ok ? await response.json() : failed(await response.text());
  } catch (error) {
    answer = failed(error.message);
  }
  button.disabled = false;
  say(button, "Invoke");
  if (asked === endpoint) showResult(answer);
}

function failed(why) {
  return { status: "No answer", headers: [], text: why };
}

function showResult(answer) {
  const status = at("result-status");
  say(status, answer.status);
  status.className = answer.status.startsWith("2") ? "good" : "bad";
  const told = answer.milliseconds !== undefined;
  const size = told ? `${answer.milliseconds.toFixed(1)} ms, ${answer.size.toLocaleString("en")} bytes` : "";
  const kind = answer.text === null ? " that are no text" : answer.cut ? ", of which the beginning is below" : "";
  say(at("result-size"), size + kind);
  facts(at("result-headers"), answer.headers);
  say(at("result-body"), answer.text ?? "");
  show(at("result"), true);
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}
