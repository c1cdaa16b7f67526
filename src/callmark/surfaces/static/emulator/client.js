// An example client of the handset gateway, in a browser (docs/gateway.md).
const part = (name) => document.querySelector(`[data-${name}]`);
const held = new Map();
const asked = new Map();
let socket = null;
let ahead = 0; // the product clock less this browser's
let ids = 0;

async function register(appCredential, number) {
  const headers = { Authorization: `Bearer ${appCredential}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ phone_number: number, os: "android", app_version: "4.2.0" });
  const answer = await fetch("/handset/v1/registrations", { method: "POST", headers, body });
  const { token, message } = await answer.json();
  if (!answer.ok) {
    part("state").textContent = message;
    return;
  }
  dropAll(); // of the number before; a sync brings what this one may hold
  connect(token);
}

function dropAll() {
  held.clear();
  part("held").textContent = held.size;
}

function connect(token) {
  socket?.close(1000);
  const address = `${location.origin.replace("http", "ws")}/handset/v1/stream`;
  const stream = new WebSocket(address, ["callmark.v1", `bearer.${token}`]);
  stream.onmessage = (event) => take(JSON.parse(event.data));
  stream.onclose = ({ code, reason }) => {
    if (stream !== socket) return;
    part("state").textContent = `closed with ${code} ${reason}`;
    if (code === 4410) dropAll(); // the number was registered on another device
  };
  socket = stream;
}

function send(type, fields) {
  ids += 1;
  socket.send(JSON.stringify({ type, id: `${type}-${ids}`, ...fields }));
  return `${type}-${ids}`;
}

let run = []; // the ids that a run of `sync` names, the same in each of its frames
function sync(cursor) {
  if (cursor === null) run = [...held.keys()].slice(0, 200);
  send("sync", { held: run, cursor });
}

const takes = {
  welcome(frame) {
    ahead = frame.now - Date.now();
    part("state").textContent = `connected as ${frame.phone_number}`;
    sync(null);
  },
  identity(frame) {
    held.set(frame.id, frame);
    send("ack", { record: frame.record });
  },
  withdraw: (frame) => held.delete(frame.record.id),
  synced: (frame) => frame.cursor && sync(frame.cursor),
  resolved: (frame) => asked.get(frame.re)?.(frame),
  error: (frame) => console.warn(frame.slug, frame.message),
};

function take(frame) {
  takes[frame.type]?.(frame);
  part("held").textContent = held.size;
}

/** Which of the held records shows: the newest whose window is open. */
function showing(caller) {
  const now = Date.now() + ahead;
  const isOpen = (one) => one.caller_number === caller && one.starts_at <= now && now < one.record.ends_at;
  const newest = (a, b) => b.accepted_at - a.accepted_at || b.position - a.position || (a.id < b.id ? 1 : -1);
  return [...held.values()].filter(isOpen).sort(newest)[0];
}

async function ring(caller) {
  const own = showing(caller);
  const answer = own ? null : await new Promise((done) => asked.set(send("resolve", { caller_number: caller }), done));
  const { identity, source } = answer ?? { identity: own, source: "call_record" };
  part("name").textContent = identity?.name ?? `${caller}: ${answer.why}`;
  part("reason").textContent = identity?.call_reason ?? "";
  const call = { call_id: crypto.randomUUID(), caller_number: caller, source, record: identity?.record ?? null };
  if (identity) send("call", { ...call, event: "shown" });
  send("call", { ...call, event: "missed" });
}

function onSubmit(name, work) {
  part(name).addEventListener("submit", (event) => {
    event.preventDefault();
    work(...[...new FormData(event.target).values()].map((value) => value.trim()));
  });
}

onSubmit("register", register);
onSubmit("ring", ring);
