// How is the page filled, and what follows the cursor?

function writeHeader() {
  byId("headline").textContent = `${data.chip} serves ${data.trace}`;
  byId("lede").textContent =
    `${count(data.operations)} operations of a recorded program, replayed through the capability heap on the memory map of ` +
    `${data.memory_map}: ${data.requests}, policy ${data.policy}, poisoning ${data.poison}. ` +
    `Every byte of every block was written, read back and found intact.`;
  const tiles = [
    ["Peak of live bytes", size(data.peak_bytes), `asked for, at operation ${count(data.peak_operation)}`],
    ["Heap at boot", size(regions.reduce((sum, region) => sum + region.size, 0)), `${regions.length} heaps`],
    ["Free at the tightest moment", size(data.least_free), `sum over the heaps with ${data.caps}`],
    ["Refused requests", count(data.refused), data.refused ? "see below" : "every request was served"],
    ["Blocks at the end", count(data.end_blocks), `${size(data.end_bytes)} asked for`],
  ];
  for (const [name, value, remark] of tiles) {
    byId("tiles").append(make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, remark))));
  }
  byId("refusals").hidden = data.refused === 0;
  for (const sentence of data.refusals) byId("refusals").querySelector("ul").append(make("li", {}, sentence));
  if (data.refused > data.refusals.length) {
    byId("refusals").querySelector("ul").append(make("li", {}, `… and ${count(data.refused - data.refusals.length)} more`));
  }
}

function writeLegend() {
  for (const kind of KINDS.filter((kind) => kind.name !== "Poison" || data.poison !== "none")) {
    byId("legend").append(legendItem(legendBox(`var(--${kind.color})`), kind.name));
  }
}

function writeFigures() {
  const columns = [["size"], ["used", "used"], ["headers", "headers"], ["poison", "poison"], ["free", "free"], ["holes", "holes"], ["largest free", "largest"], ["blocks", "blocks"]]
    .filter(([name]) => name !== "poison" || data.poison !== "none");
  const head = make("tr", {}, make("th", {}, "heap"), ...columns.map(([name]) => make("th", {}, name)));
  const cell = (region, [name, series]) => {
    const value = series ? region[series][cursor] : region.size;
    return make("td", {}, name === "blocks" ? count(value) : size(value));
  };
  const rows = regions.map((region) => make("tr", {}, make("td", {}, heapLabel(region, regions)), ...columns.map((column) => cell(region, column))));
  const sum = ([name, series]) => {
    if (!series) return size(regions.reduce((bytes, region) => bytes + region.size, 0));
    if (name === "blocks") return count(total(series));
    return name === "largest free" ? size(bestOfAll()[cursor]) : size(total(series));
  };
  const last = make("tr", { class: "total" }, make("td", {}, "total"), ...columns.map((column) => make("td", {}, sum(column))));
  byId("figures").replaceChildren(head, ...rows, last);
}

/** Draws what belongs to the moment of the cursor. */
function showMoment() {
  const share = 100 * timeline.position(cursor);
  for (const region of regions) {
    region.line.style.left = `${share}%`;
    region.now.textContent = `${size(region.free[cursor])} free`;
    paintGrid(region);
  }
  byId("moment").replaceChildren("operation ", make("b", {}, count(data.frames[cursor])), ` of ${count(data.operations)}`);
  for (const node of document.querySelectorAll(".at")) node.textContent = `at operation ${count(data.frames[cursor])}`;
  for (const id of ["live-chart", "largest-chart"]) byId(id).moveCursor();
  writeChartLegends();
  writeFigures();
}

function redraw() {
  readColors();
  regions.forEach(paintBand);
  drawCharts();
  moveTo(cursor);
}

writeHeader();
writeLegend();
makeBands();
writeTimeAxis();
makeGrids();
byId("live-chart").dataset.label = "Live bytes over time";
if (hasUnequal()) byId("largest-note").append(" The axis is logarithmic.");
byId("largest-chart").dataset.label = "Largest free block over time";
follow(byId("live-chart"), undefined, MARGIN);
follow(byId("largest-chart"), undefined, MARGIN);
startCursor(data.peak_frame, redraw);
