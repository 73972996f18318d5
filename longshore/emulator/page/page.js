// Asks the emulator once a second for what is shown, and changes on the page what has changed.

import { at, facts, keyed, make, ms, say, show, state, time, visible } from "./elements.js";
import { fitForm, leaveForm, prepareForm } from "./form.js";

const EVERY_MS = 1000;
const PATIENCE_MS = 10000; // for one answer
const LINES_MAX = 5000;
const KINDS = { "endpoint": "Endpoint", "training-job": "Training", "transform-job": "Transform",
  "processing-job": "Processing" };

let route = null; // what is shown: null for everything, else {kind, name}
let timer = 0;
let boot = ""; // which run of the emulator the page knows
let introduced = ""; // the run that the page's head is about
let version = -1;
let seen = {}; // how many lines of each log stream have come

// Everything

function took(job) {
  if (!job.started) return "";
  const seconds = (job.ended ?? Date.now() / 1000) - job.started;
  if (seconds < 60) return `${Math.max(0, seconds).toFixed(job.ended ? 1 : 0)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

function containers(found) {
  const health = { true: "healthy", false: "fails its pings", null: "" };
  return found.map((one) => [one.name, health[one.healthy]].filter(Boolean).join(", ")).join("\n");
}

function row(labels) {
  return (item) => {
    const element = make("tr");
    const name = make("a", "", item.name);
    name.href = `#/${item.kind}s/${encodeURIComponent(item.name)}`;
    for (const label of labels) {
      const cell = make("td");
      cell.dataset.label = label;
      if (label === "Name") cell.append(name);
      else if (label === "Status") cell.append(make("span", "status"), make("span", "more"), make("p", "reason"));
      element.append(cell);
    }
    return element;
  };
}

function fill(element, item, texts) {
  const status = element.querySelector("[data-label=Status]").children;
  state(status[0], item.status);
  say(status[1], item.secondary && item.secondary !== item.status ? item.secondary : "");
  say(status[2], item.reason ?? "");
  for (const cell of element.children) {
    const text = texts[cell.dataset.label];
    if (text === undefined) continue;
    say(cell, text);
    cell.classList.toggle("nothing", text === "");
  }
}

const endpointRow = row(["Name", "Status", "Variants", "Instances", "Configuration", "Created"]);
const jobRow = row(["Name", "Kind", "Status", "Created", "Took", "Output"]);
const keyOf = (item) => `${item.kind}/${item.name}`;
let jobs = []; // the last that came

function showOverview(answer) {
  keyed(at("endpoints"), answer.endpoints, keyOf, endpointRow, (element, item) => fill(element, item, {
    Variants: item.variants.join("\n"), Instances: containers(item.containers), Configuration: item.config,
    Created: time(item.created),
  }));
  say(at("endpoint-count"), count(answer.endpoints.length, answer.endpoints.length));
  show(at("no-endpoints"), answer.endpoints.length === 0);
  version = answer.version;
  if (answer.jobs) jobs = answer.jobs;
  if (answer.jobs || jobs.some((job) => job.started && !job.ended)) {
    keyed(at("jobs"), jobs, keyOf, jobRow, (element, item) => fill(element, item, {
      Kind: KINDS[item.kind], Created: time(item.created), Took: took(item), Output: item.outputs.join("\n"),
    }));
    if (answer.jobs) say(at("job-count"), count(jobs.length, answer.allJobs));
    show(at("no-jobs"), jobs.length === 0);
    find();
  }
  show(at("overview"), true);
}

function count(shown, all) {
  return all > shown ? `the newest ${shown} of ${all}` : String(all || "");
}

function find() {
  const words = at("find").value.toLowerCase().split(/\s+/);
  for (const element of at("jobs").children) {
    const text = element.textContent.toLowerCase();
    show(element, words.every((word) => text.includes(word)));
  }
}

// One endpoint or job

function showDetail(answer) {
  show(at("present"), answer.found);
  show(at("absent"), !answer.found);
  show(at("status"), answer.found);
  show(at("detail"), true); // before its log, which can scroll only once it is seen
  if (answer.found) {
    const more = answer.secondary && answer.secondary !== answer.status ? ` (${answer.secondary})` : "";
    state(at("status"), answer.status, answer.status + more);
    say(at("reason"), answer.reason ?? "");
    show(at("reason"), Boolean(answer.reason));
    showSteps(answer.steps);
    const times = Object.entries(answer.times).filter(([, seconds]) => seconds);
    facts(at("facts"), [
      ...Object.entries(answer.facts).map(([label, texts]) => [label, texts.join("\n")]),
      ...times.map(([label, seconds]) => [label, time(seconds)]),
      ...(answer.containers.length ? [["Runs in", containers(answer.containers)]] : []),
    ]);
    say(at("record"), JSON.stringify(answer.record, null, 2));
    showLogs(answer.logs);
    if (answer.latency) showLatency(answer.latency);
    if (answer.variants) fitForm(answer);
  }
  show(at("latency"), Boolean(answer.latency));
  show(at("invoke"), Boolean(answer.latency));
}

function showSteps(steps) {
  const create = () => {
    const element = make("li");
    element.append(make("time"), make("span", "status"), make("span", "message"));
    return element;
  };
  const items = steps.map((step, index) => ({ ...step, key: `${index}/${step.at}` }));
  keyed(at("steps"), items, (step) => step.key, create, (element, step) => {
    say(element.children[0], time(step.at));
    state(element.children[1], step.status);
    if (step !== items.at(-1)) element.children[1].className = "status idle"; // it is over
    say(element.children[2], step.message);
  });
}

function showLatency(latency) {
  const minutes = latency.seconds >= 60 ? `${Math.round(latency.seconds / 60)} min` : `${latency.seconds.toFixed(1)} s`;
  facts(at("numbers"), [
    ["in the last", minutes], ["invocations", latency.count.toLocaleString("en")],
    ["errors", latency.errors.toLocaleString("en")], ["p50", ms(latency.p50)], ["p90", ms(latency.p90)],
    ["p99", ms(latency.p99)],
  ]);
  const top = Math.max(...latency.slots.map((slot) => slot.slowest ?? 0));
  const bars = (base, height) => latency.slots.map((slot, index) => {
    const tall = slot.count ? height(slot) : 0;
    return tall ? `M${10 * index + 1} ${base}v${-tall}h8v${tall}z` : "";
  }).join("");
  const paths = at("drawing").children;
  paths[0].setAttribute("d", bars(74, (slot) => Math.max(2, 70 * slot.slowest / top)));
  paths[1].setAttribute("d", bars(74, (slot) => Math.max(2, 70 * slot.median / top)));
  paths[2].setAttribute("d", bars(80, (slot) => (slot.errors ? 5 : 0)));
  say(at("scale"), top ? `Five minutes up to now, five seconds a bar: dark the median, light the slowest ` +
    `(${ms(top)} at the top), red where there were errors.` : "No invocations in the last five minutes.");
}

function showLogs(logs) {
  const log = at("log");
  say(at("group"), logs.group);
  say(at("streams"), logs.streams);
  seen = logs.seen;
  if (logs.lines.length === 0) return;
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  const fresh = new DocumentFragment();
  if (logs.skipped) fresh.append(make("div", "note", `… ${logs.skipped.toLocaleString("en")} more lines, not shown`));
  for (const [when, stream, text] of logs.lines) {
    const line = make("div");
    const date = new Date(when * 1000);
    const clock = make("time", "", `${date.toLocaleTimeString("en-GB")} `);
    clock.title = date.toISOString();
    line.append(clock, make("span", "stream", `${stream} `), visible(text));
    fresh.append(line);
  }
  log.append(fresh);
  while (log.childElementCount > LINES_MAX) log.firstElementChild.remove();
  log.classList.toggle("many", Object.keys(seen).length > 1);
  if (follows) log.scrollTop = log.scrollHeight;
}

// What is shown, and the asking

function read(hash) {
  const [, kinds, name] = /^#\/([a-z-]+)s\/(.+)$/.exec(hash) ?? [];
  if (!(kinds in KINDS)) return null;
  try {
    return { kind: kinds, name: decodeURIComponent(name) };
  } catch {
    return null; // a broken escape
  }
}

function go() {
  route = read(location.hash) ?? { kind: null };
  forget();
  leaveForm(route.name);
  show(at("overview"), false);
  show(at("detail"), false);
  document.title = route.kind ? `${route.name} – Longshore` : "Longshore";
  say(at("name"), route.name ?? "");
  say(at("kind"), route.kind ? `${KINDS[route.kind]}${route.kind === "endpoint" ? "" : " job"}` : "");
  say(at("operation"), route.kind ? `Describe${KINDS[route.kind]}${route.kind === "endpoint" ? "" : "Job"}` : "");
  scrollTo(0, 0);
  poll();
}

function forget() {
  version = -1;
  seen = {};
  at("log").replaceChildren();
}

async function get(path, query = {}) {
  const answer = await fetch(`/_longshore/${path}?${new URLSearchParams(query)}`, {
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!answer.ok) throw new Error(`it answers ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

async function poll() {
  const asked = route;
  clearTimeout(timer);
  timer = 0;
  try {
    const answer = await (asked.kind
      ? get("detail", { boot, kind: asked.kind, name: asked.name, seen: JSON.stringify(seen) })
      : get("overview", { boot, version }));
    if (asked !== route) return; // the page has gone on, and asks for something else
    if (answer.boot !== boot) {
      if (boot) forget(); // another run of the emulator: what it tells, it tells from the start
      boot = answer.boot;
    }
    if (introduced !== boot) introduce(boot);
    (asked.kind ? showDetail : showOverview)(answer);
    complain(null);
  } catch (error) {
    if (asked !== route) return;
    complain(error);
  }
  timer = setTimeout(poll, EVERY_MS);
}

async function introduce(run) {
  try {
    const emulator = await get("emulator");
    introduced = run;
    say(at("emulator"), `SageMaker of account ${emulator.account}, ${emulator.region}, at ${emulator.address}`);
    say(at("engines"), emulator.engines);
  } catch {
    // the next answer asks again
  }
}

let since = 0; // when an answer was missing for the first time
function complain(error) {
  since = error && (since || Date.now());
  show(at("trouble"), Boolean(error));
  if (!error) return;
  const gone = error instanceof TypeError || error.name === "TimeoutError";
  say(at("trouble"), gone
    ? `The emulator has gone: no answer since ${time(since / 1000)}. What is below is from then.`
    : `The emulator has trouble: ${error.message}`);
}

at("find").addEventListener("input", find);
addEventListener("hashchange", go);
document.addEventListener("visibilitychange", () => { if (!document.hidden && timer) poll(); });
prepareForm();
go();
