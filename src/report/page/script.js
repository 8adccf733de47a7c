"use strict";
// Tables are sorted by the button in a column's head; what is missing stays last.
for (const table of document.querySelectorAll("table.sort")) {
  const body = table.tBodies[0];
  table.tHead.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const head = button.closest("th");
    const column = [...head.parentNode.children].indexOf(head);
    const falling = head.getAttribute("aria-sort") === "ascending"
      || (!head.hasAttribute("aria-sort") && head.classList.contains("n"));
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const key = (row) => {
      const cell = row.cells[column];
      return cell.hasAttribute("data-v") ? Number(cell.dataset.v) : cell.textContent.trim();
    };
    const compare = (one, other) => {
      const [a, b] = [key(one), key(other)];
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
      return falling ? -order : order;
    };
    body.append(...[...body.rows].sort(compare));
  });
}
// What is pointed at says its values.
const tip = document.getElementById("tip");
const show = (event) => {
  const marked = event.target.closest("[data-tip]");
  if (!marked) { tip.style.display = "none"; return; }
  tip.textContent = marked.dataset.tip;
  tip.style.display = "block";
  const left = Math.min(event.pageX + 12, window.scrollX + document.documentElement.clientWidth - tip.offsetWidth - 4);
  tip.style.left = Math.max(left, 0) + "px";
  tip.style.top = event.pageY + 14 + "px";
};
document.addEventListener("pointermove", show);
document.addEventListener("pointerdown", show);
