// How the page is filled, and one cursor moves everything on it.

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
    byId("legend").append(make("li", {}, make("i", { style: `background:var(--${kind.color})` }), kind.name));
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
  const rows = regions.map((region) => make("tr", {}, make("td", {}, label(region)), ...columns.map((column) => cell(region, column))));
  const sum = ([name, series]) => {
    if (!series) return size(regions.reduce((bytes, region) => bytes + region.size, 0));
    if (name === "blocks") return count(total(series));
    return name === "largest free" ? size(bestOfAll()[cursor]) : size(total(series));
  };
  const last = make("tr", { class: "total" }, make("td", {}, "total"), ...columns.map((column) => make("td", {}, sum(column))));
  byId("figures").replaceChildren(head, ...rows, last);
}

function moveTo(frame) {
  cursor = Math.max(0, Math.min(frames - 1, frame));
  const share = (100 * data.frames[cursor]) / data.operations;
  for (const region of regions) {
    region.line.style.left = `${share}%`;
    region.now.textContent = `${size(region.free[cursor])} free`;
    paintGrid(region);
  }
  byId("slider").value = cursor;
  byId("moment").replaceChildren("operation ", make("b", {}, count(data.frames[cursor])), ` of ${count(data.operations)}`);
  for (const node of document.querySelectorAll(".at")) node.textContent = `at operation ${count(data.frames[cursor])}`;
  for (const id of ["live-chart", "largest-chart"]) byId(id).moveCursor();
  writeChartLegends();
  writeFigures();
}

/** Moves the cursor with the pointer; `describe(x, y)` (0 to 1) may give the lines of a tip. */
function follow(plot, describe, margins) {
  const at = (event) => {
    const box = plot.getBoundingClientRect();
    const left = box.left + (margins ? margins.left : 0);
    const width = box.width - (margins ? margins.left + margins.right : 0);
    return [Math.max(0, Math.min(1, (event.clientX - left) / width)), Math.max(0, Math.min(0.9999, (event.clientY - box.top) / box.height))];
  };
  const act = (event) => {
    stop();
    const [x, y] = at(event);
    moveTo(Math.round(x * (frames - 1)));
    if (describe) showTip(event, describe(x, y));
  };
  plot.addEventListener("pointerdown", act);
  plot.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" || event.buttons) act(event);
  });
  plot.addEventListener("pointerleave", hideTip);
}

function showTip(event, lines) {
  const tip = byId("tip");
  tip.hidden = false;
  tip.replaceChildren(make("b", {}, lines[0]), make("br"), lines[1] || "");
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(window.innerWidth - box.width - 6, event.clientX + 14))}px`;
  tip.style.top = `${event.clientY > box.height + 30 ? event.clientY - box.height - 14 : event.clientY + 18}px`;
}
function hideTip() {
  byId("tip").hidden = true;
}

const ICONS = { play: "M2 0 L14 7 L2 14 Z", pause: "M1 0h4v14h-4z M9 0h4v14h-4z" };
let timer;
function showIcon(name) {
  const svg = drawn("svg", { viewBox: "0 0 14 14", "aria-hidden": "true" });
  svg.append(drawn("path", { d: ICONS[name] }));
  byId("play").replaceChildren(svg);
  byId("play").setAttribute("aria-label", name === "play" ? "Play" : "Pause");
}
function stop() {
  clearInterval(timer);
  timer = undefined;
  showIcon("play");
}
function start() {
  if (cursor >= frames - 1) moveTo(0);
  showIcon("pause");
  timer = setInterval(() => (cursor >= frames - 1 ? stop() : moveTo(cursor + 1)), 60);
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
if (unequal()) byId("largest-note").append(" The axis is logarithmic.");
byId("largest-chart").dataset.label = "Largest free block over time";
follow(byId("live-chart"), undefined, MARGIN);
follow(byId("largest-chart"), undefined, MARGIN);
byId("slider").max = frames - 1;
byId("slider").addEventListener("input", (event) => { stop(); moveTo(Number(event.target.value)); });
byId("play").addEventListener("click", () => (timer ? stop() : start()));
window.addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
stop();
redraw();
