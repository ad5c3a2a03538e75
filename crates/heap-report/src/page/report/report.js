// What stands above the charts, and how do all parts follow the cursor?

const SOURCES = { stream: "an event stream", dump: "the text of a trace dump", recorded: "a recorded program on a simulated chip" };

function writeHeader() {
  byId("headline").textContent = data.program || "A program's heap";
  const sites = data.source === "recorded" ? "sizes stand in for call sites" : several(data.sites.length, "call site");
  const heaps = data.heaps.length ? several(data.heaps.length, "heap") : "unknown heaps";
  const owners = data.owners.length > 1 ? `, ${several(data.owners.length, "owner")}` : "";
  byId("lede").textContent = `${several(data.events, "event")} from ${SOURCES[data.source]}: ${heaps}${owners}, ${sites}.`;
  for (const [name, value, remark, isBad] of tiles()) {
    byId("tiles").append(make("div", isBad ? { class: "bad" } : {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, remark))));
  }
  byId("verdict").textContent = data.verdict;
  byId("verdict").classList.toggle("bad", data.alarming);
  byId("missing").hidden = !data.missing;
  byId("missing").textContent = `Incomplete: ${data.missing}.`;
  for (const sentence of data.unknowns) byId("unknowns").querySelector("ul").append(make("li", {}, sentence));
}

/** [name, value, remark, whether it is bad news]. */
function tiles() {
  const end = { bytes: data.moments.bytes[last], blocks: data.moments.blocks[last] };
  const missing = data.gaps.dropped + data.gaps.missed;
  const span = hasTime ? [timeText(data.moments.time[last] / data.ticks_per_second), several(data.events, "event")] : [count(data.events), "events; times are unknown"];
  const suspects = data.leaks.filter((leak) => leak.suspect).length;
  return [
    [hasTime ? "Time" : "Events", ...span],
    ["Peak of live bytes", size(data.peak.bytes), `${several(data.peak.blocks, "block")} at ${momentText(data.peak.moment)}`],
    ["Alive at the end", size(end.bytes), `${several(end.blocks, "block")}${suspects ? `, ${several(suspects, "leak suspect")}` : ""}`],
    failuresTile(),
    ["Missing events", count(missing), missing ? "dropped or lost: figures are too low or too high" : "none that is known", missing > 0],
  ];
}

function failuresTile() {
  if (data.source === "dump") return ["Failed requests", "–", "a dump does not tell", false];
  const { all } = data.failures;
  return ["Failed requests", count(all), all ? "see below" : "none was seen", all > 0];
}

function writeContents() {
  for (const section of document.querySelectorAll("main > section")) {
    if (!section.hidden) byId("contents").append(make("a", { href: `#${section.id}` }, section.dataset.name));
  }
}

/** Draws what belongs to the moment of the cursor. */
function showMoment() {
  for (const id of ["memory-chart", "largest-chart", "fragmentation-chart"]) byId(id).moveCursor?.();
  for (const span of document.querySelectorAll(".at")) span.textContent = `at ${momentText(cursor)}`;
  const now = [make("b", {}, `event ${count(data.moments.event[cursor])}`), ` of ${count(data.events)}`];
  if (hasTime) now.push(`, ${timeText(data.moments.time[cursor] / data.ticks_per_second)}`);
  byId("moment").replaceChildren(...now);
  byId("slider").setAttribute("aria-valuetext", `${momentText(cursor)}: ${size(data.moments.bytes[cursor])} alive`);
  writeMemoryLegend();
  writeHeaps();
  showMaps();
  if (flame.at === "cursor") drawFlame();
}

/** Draws anew what depends on the width of the page, its colors, the axis or the shades. */
function redraw() {
  drawMemory();
  drawRoom();
  drawMaps();
  writeLeaks();
  moveTo(cursor);
}

writeHeader();
makeMemory();
writeFlagLegend();
writeFailures();
makeRoom();
makeMaps();
makeLeaks();
makeFlame();
writeContents();
startCursor(data.peak.moment, redraw);
drawFlame();
