// The head of the page, and what makes all parts follow the cursor.

/** Sections about blocks, which summaries of heaps do not tell. */
const OF_BLOCKS = ["memory", "map", "leaks", "between", "flames"];
const SOURCES = {
  printed: "lines of heap_caps_print_heap_info",
  stream: "an event stream",
  dump: "the text of a trace dump",
  recorded: "a recorded program on a simulated chip",
};

function writeHeader() {
  byId("headline").textContent = data.program || "A program's heap";
  const sites =
    data.source === "recorded"
      ? "sizes stand in for call sites"
      : several(data.sites.length, "call site");
  const heaps = data.heaps.length ? several(data.heaps.length, "heap") : "unknown heaps";
  const owners = data.owners.length > 1 ? `, ${several(data.owners.length, "owner")}` : "";
  byId("lede").textContent =
    `${several(data.events, "event")} from ${SOURCES[data.source]}: ${heaps}${owners}, ${sites}.`;
  for (const [name, value, remark, isBad] of tiles()) {
    byId("tiles").append(
      make(
        "div",
        isBad ? { class: "bad" } : {},
        make("dt", {}, name),
        make("dd", {}, value, make("small", {}, remark)),
      ),
    );
  }
  byId("verdict").textContent = data.verdict;
  byId("verdict").classList.toggle("bad", data.alarming);
  byId("missing").hidden = !data.missing;
  byId("missing").textContent = `Incomplete: ${data.missing}.`;
  for (const sentence of data.unknowns)
    byId("unknowns")
      .querySelector("ul")
      .append(make("li", {}, sentence));
}

/** What summaries of heaps have: figures without blocks. */
function tilesOfHeaps() {
  const sum = (series, sample) => data.heaps.reduce((sum, heap) => sum + heap[series][sample], 0);
  const largest = Math.max(...data.heaps.map((heap) => heap.largest[last]));
  return [
    ["Summaries", count(data.events), "of the heaps"],
    [
      "Free at the first",
      size(sum("free", 0)),
      `of ${size(data.heaps.reduce((sum, heap) => sum + heap.size, 0))}`,
    ],
    ["Free at the last", size(sum("free", last)), `the largest block has ${size(largest)}`],
  ];
}

/** [name, value, remark, whether it is bad news]. */
function tiles() {
  if (data.source === "printed") return tilesOfHeaps();
  const end = { bytes: data.samples.bytes[last], blocks: data.samples.blocks[last] };
  const missing = data.gaps.dropped + data.gaps.missed;
  const span = hasTime
    ? [timeText(data.samples.time[last] / data.ticks_per_second), several(data.events, "event")]
    : [count(data.events), "events; times are unknown"];
  const suspects = data.leaks.filter((leak) => leak.suspect).length;
  return [
    [hasTime ? "Time" : "Events", ...span],
    [
      "Peak of live bytes",
      size(data.peak.bytes),
      `${several(data.peak.blocks, "block")} at ${sampleText(data.peak.sample)}`,
    ],
    [
      "Live at the end",
      size(end.bytes),
      `${several(end.blocks, "block")}${suspects ? `, ${several(suspects, "leak suspect")}` : ""}`,
    ],
    failuresTile(),
    [
      "Missing events",
      count(missing),
      missing ? "dropped or lost: figures are too low or too high" : "none that is known",
      missing > 0,
    ],
  ];
}

function failuresTile() {
  if (data.source === "dump") return ["Failed requests", "–", "a dump does not show", false];
  const { all } = data.failures;
  return ["Failed requests", count(all), all ? "see below" : "none was seen", all > 0];
}

/** The sample of the first request that failed, if any did: what a person came for. */
function firstFailure() {
  const [first] = data.failures.shown;
  if (!first) return undefined;
  const after = data.samples.event.findIndex((event) => event > first.event);
  return after < 0 ? last : after;
}

function writeContents() {
  for (const section of document.querySelectorAll("main > section")) {
    if (!section.hidden)
      byId("contents").append(make("a", { href: `#${section.id}` }, section.dataset.name));
  }
}

/** Draws what belongs to the sample of the cursor. */
function showSample() {
  for (const id of ["memory-chart", "largest-chart", "fragmentation-chart"])
    byId(id).moveCursor?.();
  for (const span of document.querySelectorAll(".at"))
    span.textContent = `at ${sampleText(cursor)}`;
  const now = [
    make("b", {}, `event ${count(data.samples.event[cursor])}`),
    ` of ${count(data.events)}`,
  ];
  if (hasTime) now.push(`, ${timeText(data.samples.time[cursor] / data.ticks_per_second)}`);
  byId("now").replaceChildren(...now);
  byId("slider").setAttribute(
    "aria-valuetext",
    `${sampleText(cursor)}: ${size(data.samples.bytes[cursor])} live`,
  );
  writeMemoryLegend();
  writeHeaps();
  showMaps();
  if (flame.at === "cursor") drawFlame();
}

/** Redraws what depends on the width of the page, its colors, the axis or the shades. */
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
writePressure();
makeRoom();
makeMaps();
makeLeaks();
makeBetween();
makeFlame();
if (data.source === "printed") for (const id of OF_BLOCKS) byId(id).hidden = true;
writeContents();
startCursor(firstFailure() ?? data.peak.sample, redraw);
drawFlame();
