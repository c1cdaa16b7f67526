// What an app keeps on its phone: identities, call history, reports that nobody has received yet. Per number.
const key = (phone) => `callmark.handset.${phone}`;

export function load(phone) {
  try {
    return { registration: "", held: [], history: [], reports: [], ...JSON.parse(localStorage.getItem(key(phone))) };
  } catch {
    return { registration: "", held: [], history: [], reports: [] };
  }
}

export function save(phone, kept) {
  try {
    localStorage.setItem(key(phone), JSON.stringify(kept));
  } catch {
    // a full or forbidden store: the page lives on with what it has in memory
  }
}
