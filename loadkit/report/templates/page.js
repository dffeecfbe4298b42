"use strict";
(() => {
  const dark = JSON.parse(document.getElementById("dark").textContent);
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const coarse = window.matchMedia("(pointer: coarse)").matches;
  const figures = [...document.querySelectorAll("script.figure")].map((source) => ({
    box: document.getElementById(source.dataset.for),
    spec: JSON.parse(source.textContent),
  }));
  const data = new Set(["x", "y", "text", "customdata"]);

  // Every colour of the light page has one that stands for it on the dark page.
  const tinted = (value, map) => {
    if (typeof value === "string") return map[value] ?? value;
    if (Array.isArray(value)) return value.map((item) => tinted(item, map));
    if (!value || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, data.has(key) ? item : tinted(item, map)]));
  };

  const narrow = () => window.innerWidth < 620;

  const fitted = (layout, width) => {
    if (width) layout.width = width;
    layout.dragmode = coarse ? false : "zoom";
    if (narrow()) {
      layout.margin = { l: layout.meta?.tall ? 30 : 44, r: 6, t: coarse ? 40 : 20, b: 40 };
      const below = layout.meta?.tall ? -52 / (layout.height - (coarse ? 80 : 60)) : -0.28;
      layout.legend = { ...layout.legend, y: below, yanchor: "top" };
      layout.font.size = 11;
      if (!layout.meta?.tall) layout.height = Math.min(layout.height, 320);
      layout.xaxis.nticks = 5;
      if (layout.xaxis.tickvals?.length > 6) {  // an axis of nines: every other mark has room
        layout.xaxis.tickvals = layout.xaxis.tickvals.filter((_, at) => at % 2 === 1);
        layout.xaxis.ticktext = layout.xaxis.ticktext.filter((_, at) => at % 2 === 1);
      }
    }
    return layout;
  };

  const draw = (isDark, width) => {
    if (!window.Plotly) return;
    for (const { box, spec } of figures) {
      const made = tinted(spec, isDark ? dark : {});
      const zoom = ["zoomIn2d", "zoomOut2d", "resetScale2d"];
      const buttons = coarse ? [["pan2d", ...zoom]] : [["toImage"], ["zoom2d", "pan2d", ...zoom]];
      const config = { responsive: true, displaylogo: false, doubleClick: "reset+autosize", modeBarButtons: buttons,
        displayModeBar: coarse || "hover" };
      Plotly.react(box, made.data, fitted(made.layout, width), config);
    }
    document.documentElement.dataset.drawn = isDark ? "dark" : "light";
  };

  const widths = window.matchMedia("(max-width: 619px)");
  draw(scheme.matches);
  scheme.addEventListener("change", () => draw(scheme.matches));
  widths.addEventListener("change", () => draw(scheme.matches));
  window.addEventListener("beforeprint", () => draw(false, 660));  // fits A4 and letter
  window.addEventListener("afterprint", () => draw(scheme.matches));

  const copied = async (button) => {
    const text = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(text);
      window.getSelection().removeAllRanges();
      window.getSelection().addRange(range);
      button.textContent = "Selected";
    }
    window.setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };
  // A click on a head sorts by its column, a second one the other way round; what has no value stays last.
  const sorted = (table, column, down) => {
    const key = (row) => {
      const cell = row.cells[column];
      return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent.trim();
    };
    const missing = (value) => value === "–" || value === "";
    const order = (a, b) => {
      if (missing(a) || missing(b)) return missing(a) - missing(b);
      const way = typeof a === typeof b && typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
      return down ? -way : way;
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((a, b) => order(key(a), key(b))));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sorted(table, column, down);
    }));
  }
  for (const button of document.querySelectorAll("button.copy")) button.addEventListener("click", () => copied(button));
})();
