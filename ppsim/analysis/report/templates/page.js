"use strict";
(() => {
  const PRINTED = 640;  // px of a chart on paper

  function draw() {
    const held = document.getElementById("chart-data");
    if (!held) return;
    const figures = JSON.parse(held.textContent);
    const touched = window.matchMedia("(pointer: coarse)").matches;
    const charts = [...document.querySelectorAll(".chart")];
    for (const chart of charts) {
      const { data, layout } = figures[chart.id];
      if (touched) layout.dragmode = false;  // a finger on a chart scrolls the page
      Plotly.newPlot(chart, data, layout, { responsive: true, displayModeBar: false, showTips: false });
    }
    window.addEventListener("beforeprint", () => charts.forEach((c) => Plotly.relayout(c, { width: PRINTED })));
    window.addEventListener("afterprint", () => charts.forEach((c) => Plotly.relayout(c, { width: null, autosize: true })));
  }

  function value(row, column, numeric) {
    const cell = row.cells[column];
    if (!numeric) return cell.textContent;
    return cell.dataset.number === undefined ? null : Number(cell.dataset.number);
  }

  function sort(table, column) {
    const heads = [...table.tHead.rows[0].cells];
    const head = heads[column];
    const down = head.getAttribute("aria-sort") === "ascending";
    const numeric = head.classList.contains("number");
    const rows = [...table.tBodies[0].rows];
    rows.sort((one, other) => {
      const a = value(one, column, numeric);
      const b = value(other, column, numeric);
      if (a === null || b === null) return (a === null) - (b === null);  // what is missing comes last in either order
      const order = numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
      return down ? -order : order;
    });
    table.tBodies[0].append(...rows);
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  }

  for (const table of document.querySelectorAll("table")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => sort(table, column));
    });
  }
  draw();
})();
