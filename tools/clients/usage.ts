// What programs write against the generated types; `make check` compiles it beside them.
import type { operations as business } from "./business";
import type { operations as emulator } from "./emulator";
import type { operations as handset } from "./handset";

type Json<T> = T extends { content: { "application/json": infer Body } } ? Body : never;
type Sent<T> = T extends { requestBody?: infer Body } ? Json<NonNullable<Body>> : never;
type Answer<T, Status extends number> = T extends { responses: { [status in Status]: infer Body } }
  ? Json<Body>
  : never;

export function whoToCall(event: Sent<business["receiveCallMeBack"]>): string {
  const asked = event.cmb_payload;
  return asked.is_interested ? asked.client_number : "";
}

export function firstAnswer(event: Sent<business["receiveUserFeedback"]>): string | undefined {
  return event.user_feedback_payload.responses[0]?.answer;
}

export function isSettled(page: Answer<business["readBatch"], 200>): boolean {
  return page.done && page.records.every((record) => record.outcome !== "pending");
}

export const waiting: business["listEvents"]["parameters"]["query"] = { after: 41, wait_s: 30 };

export const account: Sent<emulator["makeAccount"]> = { name: "Acme", keys: [{ name: "Dialer" }] };

export const toSeed: Sent<emulator["resetEmulator"]> = { to: "seed" };

export function secretOf(made: Answer<emulator["makeAccount"], 201>): string | undefined {
  return made.keys[0]?.api_key;
}

export function tokenOf(made: Answer<handset["registerHandset"], 201>): string {
  return made.token;
}
