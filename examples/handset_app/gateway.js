// The handset gateway as an app uses it: each verb is one request of plain HTTP (docs/gateway.md).

/** The gateway has refused what was asked; to ask again is of no use unless `isPassing` or `isSignedOut`. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  get isPassing() {
    return [0, 408, 429].includes(this.status) || this.status >= 500;
  }

  /** The token has ended: the same is taken once the app is registered again. */
  get isSignedOut() {
    return this.status === 401;
  }
}

/** Registers the phone's number for this installation of the app; the answer has its token. */
export function register(baseUrl, appKey, { phoneNumber, appVersion, pushToken }) {
  const body = { phone_number: phoneNumber, os: "android", app_version: appVersion };
  if (pushToken) Object.assign(body, { push_service: "fcm", push_token: pushToken });
  return request(baseUrl, appKey, "POST", "registrations", body);
}

export class Gateway {
  constructor(baseUrl, token) {
    this.baseUrl = baseUrl;
    this.token = token;
  }

  sync = (held, cursor) => this.#post("sync", cursor ? { held, cursor } : { held });
  ack = (records) => this.#post("ack", { records });
  call = (report) => this.#post("call", report);
  callMeBack = (wish) => this.#post("call_me_back", wish);

  /** Who calls. The phone rings already, so there is a second for the answer. */
  resolve = (callerNumber, timeZone) =>
    this.#post("resolve", { caller_number: callerNumber, time_zone: timeZone }, 1000);

  /** The user signs out. */
  forget = () => request(this.baseUrl, this.token, "DELETE", "registrations");

  /** The stream, where this runtime has WebSockets. */
  stream() {
    const address = `${this.baseUrl.replace(/^http/, "ws")}/handset/v1/stream`;
    return new WebSocket(address, ["callmark.v1", `bearer.${this.token}`]);
  }

  #post(verb, body, withinMs) {
    return request(this.baseUrl, this.token, "POST", verb, body, withinMs);
  }
}

async function request(baseUrl, credential, method, path, body, withinMs = 10_000) {
  let answer;
  try {
    answer = await fetch(`${baseUrl}/handset/v1/${path}`, {
      method,
      headers: { Authorization: `Bearer ${credential}`, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(withinMs),
    });
  } catch (error) {
    throw new Refused(0, `the gateway does not answer: ${error.message}`);
  }
  const text = await answer.text();
  if (answer.ok) return text ? JSON.parse(text) : null;
  throw new Refused(answer.status, `${answer.status}: ${text.slice(0, 300)}`);
}
