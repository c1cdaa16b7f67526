// What the receiver may say after a call, as the resolved identity offers it: to be called back, and feedback.
// Step by step: "callback", then "feedback", then "thanks". The frames are those of docs/gateway.md.
const NOT_SENT = "This could not be sent. Try again in a moment.";
const IN_PEOPLES_WORDS = [
  [/^business_number/, "This business no longer offers this."],
  [/^slot/, "That time is no longer available. Choose another one."],
  [/^(campaign_id|this campaign)/, "These questions are no longer asked."],
];

export class AfterCall {
  thanks = "";
  error = "";
  sending = false;
  #steps = [];
  #requestId;
  #say;

  /** `say(frame)` sends a frame once the call's reports are received; `newId()` makes a UUID. */
  constructor(call, say, newId) {
    this.call = call;
    this.#say = say;
    this.#requestId = newId();
    const { offers } = call.screen;
    this.offers = offers;
    this.callType = call.state === "answered" ? "answered" : "missed";
    this.campaign = offers.campaigns.find((one) => one.call_types.includes(this.callType)) ?? null;
    if (this.callType === "missed" && offers.call_me_back && !call.askedBack) this.#steps.push("callback");
    if (this.campaign) this.#steps.push("feedback");
  }

  /** What is on the screen now; null when all is said. */
  get step() {
    return this.#steps[0] ?? null;
  }

  /** The campaign's questions in order. */
  get questions() {
    const byId = new Map(this.offers.questions.map((one) => [one.id, one]));
    return this.campaign.question_ids.map((id) => byId.get(id));
  }

  /** Asks to be called back: true when it is received. The same request again has the same id. */
  askBack({ slot, alternate, simUnknown, interested }, thanks) {
    const frame = {
      type: "call_me_back",
      request_id: this.#requestId,
      business_number: this.call.caller,
      interested,
      slot: interested ? slot : null,
      sim_unknown: simUnknown,
      alternate_number: alternate || null,
    };
    return this.#send(frame, thanks);
  }

  answer(answers, thanks) {
    const frame = {
      type: "feedback",
      call_id: this.call.id,
      business_number: this.call.caller,
      campaign_id: this.campaign.id,
      call_type: this.callType,
      answers,
    };
    return this.#send(frame, thanks);
  }

  /** On to the next step without an answer. */
  skip() {
    this.error = "";
    this.#steps.shift();
  }

  complain(error) {
    this.error = error;
  }

  async #send(frame, thanks) {
    if (this.sending) return;
    this.sending = true;
    this.error = "";
    try {
      await this.#say(frame);
      this.thanks = thanks;
      this.#steps.shift();
      if (!this.step) this.#steps.push("thanks");
    } catch (error) {
      this.error = error.slug === "invalid-input" || error.slug === "conflict" ? sentence(error.message) : NOT_SENT;
    }
    this.sending = false;
  }
}

/** What a script that asks to be called back says after a missed call; null when there is nothing to ask for. */
export function firstSlot(call, newId) {
  const { offers } = call.screen;
  const slot = offers.slots[0] ?? null;
  if (!offers.call_me_back || (offers.slot_picker && !slot)) return null;
  return { type: "call_me_back", request_id: newId(), business_number: call.caller, interested: true, slot };
}

const sentence = (text) =>
  IN_PEOPLES_WORDS.find(([said]) => said.test(text))?.[1] ?? `${text[0].toUpperCase()}${text.slice(1)}.`;
