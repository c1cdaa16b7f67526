// An example client of the handset gateway, in a browser: docs/gateway.md says what each frame means.
const part = (name) => document.querySelector(`[data-${name}]`);
const held = new Map();
const asked = new Map();
let socket = null;
let clock = 0; // the product's clock less this browser's
let ids = 0;

async function register(appKey, number) {
  const headers = { Authorization: `Bearer ${appKey}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ phone_number: number, os: "android", app_version: "4.2.0" });
  const answer = await fetch("/handset/v1/registrations", { method: "POST", headers, body });
  const registered = await answer.json();
  if (answer.ok) connect(registered.token);
  else part("state").textContent = registered.message;
}

function connect(token) {
  const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/handset/v1/stream`;
  socket?.close(1000);
  socket = new WebSocket(address, ["callmark.v1", `bearer.${token}`]);
  socket.onmessage = (event) => take(JSON.parse(event.data));
  socket.onclose = (event) => {
    if (event.target === socket) part("state").textContent = `closed: ${event.code} ${event.reason}`;
  };
}

function send(type, fields) {
  ids += 1;
  socket.send(JSON.stringify({ type, id: `${type}-${ids}`, ...fields }));
  return `${type}-${ids}`;
}

const sync = (cursor) => send("sync", { held: [...held.keys()].slice(0, 200), cursor });

function take(frame) {
  if (frame.type === "welcome") {
    clock = frame.now - Date.now();
    part("state").textContent = `connected as ${frame.phone_number}`;
    sync(null);
  } else if (frame.type === "identity") {
    held.set(frame.id, frame);
    send("ack", { record: frame.record });
  } else if (frame.type === "withdraw") {
    held.delete(frame.record.id);
  } else if (frame.type === "synced" && frame.cursor) {
    sync(frame.cursor);
  } else if (frame.type === "resolved") {
    asked.get(frame.re)?.(frame);
  }
  part("held").textContent = held.size;
}

/** Which of the held records shows: the newest whose window is open. */
function showing(caller) {
  const now = Date.now() + clock;
  const open = [...held.values()].filter(
    (one) => one.caller_number === caller && one.starts_at <= now && now < one.record.ends_at,
  );
  const newest = (a, b) => b.accepted_at - a.accepted_at || b.position - a.position || (a.id < b.id ? 1 : -1);
  return open.sort(newest)[0];
}

async function ring(caller) {
  const own = showing(caller);
  const answer = own ? null : await new Promise((done) => asked.set(send("resolve", { caller_number: caller }), done));
  const { identity, source } = answer ?? { identity: own, source: "call_record" };
  part("name").textContent = identity?.name ?? `${caller}: ${answer.why}`;
  part("reason").textContent = identity?.call_reason ?? "";
  const call = { call_id: uuid(), caller_number: caller, source, record: identity?.record ?? null };
  if (identity) send("call", { ...call, event: "shown" });
  send("call", { ...call, event: "missed" });
}

/** crypto.randomUUID is for secure contexts only, and the page may be opened by a plain address. */
function uuid() {
  const hex = [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-8$4-$5");
}

const onSubmit = (name, work) =>
  part(name).addEventListener("submit", (event) => {
    event.preventDefault();
    work(new FormData(event.target));
  });
onSubmit("register", (form) => register(form.get("key").trim(), form.get("number").trim()));
onSubmit("ring", (form) => ring(form.get("caller").trim()));
