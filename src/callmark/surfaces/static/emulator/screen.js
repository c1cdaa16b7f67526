// What a screen shows, as the control API tells it too, and the ids that a handset makes.
export const NO_OFFERS = {
  call_me_back: false,
  config_name: null,
  slot_picker: false,
  slots: [],
  campaigns: [],
  questions: [],
};

export function screenOf(identity, source, why) {
  return {
    name: identity?.name ?? null,
    call_reason: identity?.call_reason ?? null,
    logo_url: identity?.logo_url ?? null,
    verified: identity?.verified ?? false,
    source,
    why,
    offers: NO_OFFERS,
  };
}

export const nothing = (why) => ({ identity: null, screen: screenOf(null, "none", why), offers: NO_OFFERS });

/** crypto.randomUUID is for secure contexts only, and the emulator may be opened by a plain address. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
