// Fills the page of a simulated heap, and follows the cursor.

function writeHeader() {
  byId("headline").textContent = `${data.chip} serves ${data.trace}`;
  byId("lede").textContent =
    `${count(data.operations)} operations of a recorded program, replayed through the capability heap on the memory map of ` +
    `${data.memory_map}: ${data.requests}, policy ${data.policy}, poisoning ${data.poison}. ` +
    `Every byte of every block was written, read back and found intact.`;
  const tiles = [
    [
      "Peak of live bytes",
      size(data.peak_bytes),
      `asked for, at operation ${count(data.peak_operation)}`,
    ],
    [
      "Heap at boot",
      size(regions.reduce((sum, region) => sum + region.size, 0)),
      `${regions.length} heaps`,
    ],
    ["Free at the tightest time", size(data.least_free), `sum over the heaps with ${data.caps}`],
    [
      "Refused requests",
      count(data.refused),
      data.refused ? "see below" : "every request was served",
    ],
    ["Blocks at the end", count(data.end_blocks), `${size(data.end_bytes)} asked for`],
  ];
  for (const [name, value, remark] of tiles) {
    byId("tiles").append(
      make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, remark))),
    );
  }
  byId("refusals").hidden = data.refused === 0;
  for (const sentence of data.refusals)
    byId("refusals")
      .querySelector("ul")
      .append(make("li", {}, sentence));
  if (data.refused > data.refusals.length) {
    byId("refusals")
      .querySelector("ul")
      .append(make("li", {}, `… and ${count(data.refused - data.refusals.length)} more`));
  }
}

function writeLegend() {
  for (const kind of KINDS.filter((kind) => kind.name !== "Poison" || data.poison !== "none")) {
    byId("legend").append(legendItem(legendBox(`var(--${kind.color})`), kind.name));
  }
}

function writeFigures() {
  const columns = [
    ["size", (region) => region.size],
    ...["used", "headers", "poison", "free"].map((series) => [
      series,
      (region) => region[series][cursor],
    ]),
    ["= largest", (region) => region.free[cursor] - region.holes[cursor]],
    ["+ holes", (region) => region.holes[cursor]],
    ["blocks", (region) => region.blocks[cursor]],
  ].filter(([name]) => name !== "poison" || data.poison !== "none");
  const figures = (some) =>
    columns.map(([, of]) => count(some.reduce((sum, region) => sum + of(region), 0)));
  const rows = regions.map((region) => ({
    name: [heapLabel(region, regions)],
    figures: figures([region]),
  }));
  fillTable(
    byId("figures"),
    ["heap", ...columns.map(([name]) => name)],
    [...rows, { name: ["all"], figures: figures(regions), isTotal: true }],
  );
  const best = bestOfAll()[cursor];
  const holder = regions.find((region) => region.largest[cursor] === best);
  byId("best").textContent =
    best > 0
      ? `The largest request that can be served now: ${count(best)} bytes, by ${heapLabel(holder, regions)}.`
      : "No request can be served now.";
}

/** Draws what belongs to the sample of the cursor. */
function showSample() {
  const share = 100 * timeline.position(cursor);
  for (const region of regions) {
    region.line.style.left = `${share}%`;
    region.now.textContent = `${size(region.free[cursor])} free`;
    paintGrid(region);
  }
  byId("now").replaceChildren(
    "operation ",
    make("b", {}, count(data.frames[cursor])),
    ` of ${count(data.operations)}`,
  );
  for (const node of document.querySelectorAll(".at"))
    node.textContent = `at operation ${count(data.frames[cursor])}`;
  for (const id of ["live-chart", "largest-chart"]) byId(id).moveCursor();
  writeChartLegends();
  writeFigures();
}

function redraw() {
  readColors();
  regions.forEach(paintBand);
  writeTimeAxis();
  drawCharts();
  moveTo(cursor);
}

writeHeader();
writeLegend();
makeBands();
makeGrids();
byId("live-chart").dataset.label = "Live bytes over time";
if (hasUnequal()) byId("largest-note").append(" The axis is logarithmic.");
byId("largest-chart").dataset.label = "Largest free block over time";
follow(byId("live-chart"), undefined, MARGIN);
follow(byId("largest-chart"), undefined, MARGIN);
startCursor(data.first_refusal ?? data.peak_frame, redraw);
