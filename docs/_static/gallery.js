// Make the table of checkpoints sortable by its headers and filterable by a text field.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector(".gallery table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];

  const filter = document.createElement("input");
  filter.type = "search";
  filter.className = "gallery-filter";
  filter.placeholder = "Filter, for example: gru imdb";
  filter.setAttribute("aria-label", "Filter checkpoints");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  document.querySelector(".gallery").before(filter);

  const number = (text) => parseFloat(text.replace(/,/g, ""));
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.textContent = header.textContent;
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      const sign = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const key = (row) => row.cells[column].textContent.trim();
      const compare = (a, b) => number(key(a)) - number(key(b)) || key(a).localeCompare(key(b));
      body.append(...rows.sort((a, b) => sign * compare(a, b)));
    });
  });
});
