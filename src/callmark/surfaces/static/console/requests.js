/* The list of Call Me Back requests, while it rests (console.js): no row moves, and a note above counts what the list
   does not show yet. Rows move from page to page, so of one page among others it says no number. The count of new
   requests follows. */
const note = document.getElementById("not-shown");
const isOnePage = (page) => !page.querySelector("#results .cs-pager");
const rowsIn = (page) =>
  new Map([...page.querySelectorAll("#results [data-row]")].map(({ dataset }) => [dataset.row, dataset.state]));

document.addEventListener("left", ({ detail }) => {
  const page = new DOMParser().parseFromString(detail, "text/html");
  if (!page.getElementById("results")) return;
  const [shown, found] = [rowsIn(document), rowsIn(page)];
  const kept = [...shown].filter(([id]) => found.has(id));
  const counts = [
    [found.size - kept.length, "more"],
    [kept.filter(([id, state]) => found.get(id) !== state).length, "changed"],
    [shown.size - kept.length, "gone"],
  ];
  const said = counts.flatMap(([count, what]) => (count ? `${count} ${what}` : [])).join(", ");
  const what = isOnePage(document) && isOnePage(page) ? said : "some changes";
  const text = said && `Not shown yet: ${what}. The list updates when you leave it.`;
  if (note.textContent !== text) note.textContent = text; // it is read aloud whenever it is written
  document.getElementById("new-count").replaceWith(page.getElementById("new-count"));
});
document.addEventListener("htmx:afterSwap", () => {
  note.textContent = "";
});
