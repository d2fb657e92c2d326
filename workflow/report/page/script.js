"use strict";
// Sorts and filters tables. Without it the page shows everything, in its own order.
{
  const kinds = ["model", "method", "task"];
  const contents = document.getElementById("contents");
  const wide = matchMedia("(min-width: 68.01rem)");
  const follow = () => { contents.open = wide.matches; };
  wide.addEventListener("change", follow);
  follow();

  // A cell's number: its value, or the first number that it shows; NaN where it shows none.
  const numberOf = cell => {
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    const found = cell.textContent.replaceAll("\u2212", "-").replaceAll(",", "")
      .match(/^\s*(?:<\s*)?(-?\d+(?:\.\d+)?)/);
    return found ? Number(found[1]) : NaN;
  };
  const compare = (first, second, column, sign) => {
    const [a, b] = [first.cells[column], second.cells[column]];
    const [x, y] = [numberOf(a), numberOf(b)];
    if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;
    return sign * (isNaN(x) ? a.textContent.localeCompare(b.textContent) : x - y);
  };

  for (const table of document.querySelectorAll("figure.table table")) {
    const bodies = [...table.tBodies].map(body => ({
      body, rows: [...body.rows].filter(row => !row.classList.contains("title")),
    }));
    if (!bodies.some(({rows}) => rows.length > 1)) continue;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      if (!button.textContent.trim()) button.setAttribute("aria-label", "name");
      button.addEventListener("click", () => {
        // Up, down, and back to the order of the page.
        const order = {none: "ascending", ascending: "descending"}[
          head.getAttribute("aria-sort") ?? "none"];
        for (const each of heads) each.removeAttribute("aria-sort");
        if (order) head.setAttribute("aria-sort", order);
        const sign = order === "descending" ? -1 : 1;
        for (const {body, rows} of bodies) {
          const sorted = order ? [...rows].sort((a, b) => compare(a, b, column, sign)) : rows;
          body.append(...sorted);
        }
      });
      head.append(button);
    });
  }

  const form = document.getElementById("picks");
  form.hidden = !form.elements.length;
  const apply = () => {
    for (const element of document.querySelectorAll("[data-model], [data-method], [data-task]")) {
      const out = kinds.some(kind => {
        const wanted = form.elements[kind]?.value, own = element.dataset[kind];
        return wanted && own && !own.split(" ").includes(wanted);
      });
      element.classList.toggle("filtered", out);
    }
    mark();
  };
  form.addEventListener("change", apply);
  form.addEventListener("submit", event => event.preventDefault());

  // What scrolls says so, and what does not is no stop of the tab key.
  const mark = () => {
    for (const frame of document.querySelectorAll(".scroll")) {
      const scrolls = frame.scrollWidth > frame.clientWidth + 1;
      frame.classList.toggle("scrolls", scrolls);
      if (scrolls) frame.tabIndex = 0;
      else frame.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true);
  addEventListener("load", mark);
  apply();  // a browser may have kept what was chosen
}
