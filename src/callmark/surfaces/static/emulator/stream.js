// The gateway protocol as a handset speaks it (docs/gateway.md): one stream after another with the same token.
import { address, Backoff } from "./backoff.js";

const ANSWER_WITHIN_MS = 4000;
const FOR_GOOD = new Set([4400, 4401, 4409, 4410]);

export class GatewayStream {
  #socket = null;
  #token = null;
  #asked = new Map();
  #backoff = new Backoff();
  #ids = 0;
  #on;

  /** `on` has: opened(welcome), frame(frame), broken() (it connects again), ended(code, reason) (it does not). */
  constructor(on) {
    this.#on = on;
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Holds a stream with `token` from now on. */
  connect(token) {
    if (this.#token === token && this.#socket) return;
    this.close();
    this.#token = token;
    this.#begin();
  }

  close() {
    this.#token = null;
    this.#backoff.stop();
    const socket = this.#socket;
    this.#socket = null;
    this.#loseAsked();
    socket?.close(1000);
  }

  newId(kind) {
    this.#ids += 1;
    return `${kind}${this.#ids}`;
  }

  send(frame) {
    if (this.open) this.#socket.send(JSON.stringify(frame));
  }

  /** Sends a frame; what answers it. Rejects when the stream ends or no answer comes. */
  ask(frame) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(frame.id);
        reject(new Error("no answer"));
      }, ANSWER_WITHIN_MS);
      this.#asked.set(frame.id, { resolve, reject, timer });
      if (this.open) this.send(frame);
      else this.#settle(frame.id, null);
    });
  }

  #begin() {
    const socket = new WebSocket(address("/handset/v1/stream"), ["callmark.v1", `bearer.${this.#token}`]);
    this.#socket = socket;
    socket.onmessage = (event) => socket === this.#socket && this.#take(JSON.parse(event.data));
    socket.onclose = (event) => socket === this.#socket && this.#closed(event);
  }

  #take(frame) {
    if (frame.type === "welcome") {
      this.#backoff.worked();
      this.#on.opened(frame);
    } else {
      if (frame.re) this.#settle(frame.re, frame);
      this.#on.frame(frame);
    }
  }

  #settle(id, answer) {
    const asked = this.#asked.get(id);
    if (!asked) return;
    clearTimeout(asked.timer);
    this.#asked.delete(id);
    if (answer === null) asked.reject(new Error("the stream ended"));
    else if (answer.type === "error") asked.reject(Object.assign(new Error(answer.message), { slug: answer.slug }));
    else asked.resolve(answer);
  }

  #loseAsked() {
    for (const id of [...this.#asked.keys()]) this.#settle(id, null);
  }

  #closed(event) {
    this.#socket = null;
    this.#loseAsked();
    if (FOR_GOOD.has(event.code)) {
      this.#token = null;
      this.#on.ended(event.code, event.reason);
      return;
    }
    this.#on.broken();
    this.#backoff.again(() => this.#token && !this.#socket && this.#begin());
  }
}
