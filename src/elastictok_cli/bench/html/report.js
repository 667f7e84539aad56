"use strict";
// Tables of the benchmark's page: a click on a heading, or Enter on it, sorts by that column; again, the other way.

const header = document.createElement("header");
const title = document.querySelector("h1");
title.before(header);
const theme = document.createElement("button");
theme.type = "button";
theme.textContent = "Light / dark";
theme.addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  document.documentElement.dataset.theme = dark ? "light" : "dark";
});
header.append(title, theme);

// "1.07 / 1.10 (3 of 4)" is 1.07, "12,345" is 12345, "456x256" is 456; words have no number.
function numberOf(text) {
  const found = text.replaceAll(",", "").match(/[+-]?\d+(\.\d+)?(e[+-]?\d+)?/);
  return found ? Number(found[0]) : null;
}

function sort(table, column, descending) {
  const rows = [...table.tBodies[0].rows];
  const texts = rows.map((row) => row.cells[column].textContent.trim());
  const numeric = texts.some((text) => /^[+-]?\d/.test(text)); // "none reached" comes last then
  const keys = new Map(rows.map((row, i) => [row, numeric ? numberOf(texts[i]) : texts[i]]));
  rows.sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    if (x === null || y === null || x === "" || y === "") return (y !== null && y !== "") - (x !== null && x !== "");
    const order = numeric ? x - y : x.localeCompare(y, undefined, { numeric: true });
    return descending ? -order : order;
  });
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table")) {
  const box = document.createElement("div");
  box.className = "scroll";
  box.tabIndex = 0;
  table.replaceWith(box);
  box.append(table);
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent || "name";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const descending = head.ariaSort === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sort(table, column, descending);
    });
  });
}
