// Table of leaks: what was never freed, since when, and whether it grew.

const COLUMNS = [
  { name: "Place", key: "name", text: true },
  { name: "Bytes", key: "now" },
  { name: "Blocks", key: "blocks" },
  { name: "Oldest", key: "age" },
  { name: "Trend", key: "growth" },
];
const ROWS = 25;
let order = { column: undefined, descending: true };
let all = false;
const aliveAtEnd = aliveAt(last);
const leaks = data.leaks.map(readLeak);

function readLeak(leak) {
  const site = data.sites[leak.site];
  const owners = [
    ...new Set(
      aliveAtEnd
        .filter((block) => block.sites === leak.site)
        .map((block) => data.owners[block.owners].name),
    ),
  ];
  const words = [
    site.name,
    ...owners,
    ...stackOf(site).map((frame) => `${frame.function} ${frame.place}`),
  ]
    .join(" ")
    .toLowerCase();
  return {
    ...leak,
    name: site.name,
    bytes: site.bytes,
    stack: stackOf(site),
    owners,
    words,
    age: data.events - leak.oldest,
  };
}

/** The frames of a site, the innermost first: {function, place}. */
function stackOf(site) {
  return site.frames.map((number) => data.frames[number]);
}

function makeLeaks() {
  const suspects = leaks.filter((leak) => leak.suspect).length;
  byId("leaks-note").textContent =
    leaks.length === 0
      ? "Nothing: every block that was allocated was freed."
      : `Who never gave back what, by ${SITE}. ${suspects ? `${several(suspects, "place")} keep more and more, to the end: the leak suspects.` : "None of them keeps growing."} What a program has for good is here, too.`;
  const cells = COLUMNS.map((column) => {
    const button = make("button", { type: "button" }, column.name);
    button.addEventListener("click", () => sortBy(column));
    column.head = make("th", { scope: "col" }, button);
    return column.head;
  });
  document.querySelector("#leak-table thead").append(make("tr", {}, ...cells));
  byId("leaks-filter").addEventListener("input", writeLeaks);
  byId("leaks-more").addEventListener("click", () => {
    all = true;
    writeLeaks();
  });
  document.querySelector("#leaks .controls").hidden = leaks.length === 0;
  byId("leak-table").hidden = leaks.length === 0;
}

function sortBy(column) {
  const descending = order.column === column ? !order.descending : !column.text;
  order = { column, descending };
  for (const other of COLUMNS) other.head.removeAttribute("aria-sort");
  column.head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  writeLeaks();
}

function sorted(rows) {
  const { column, descending } = order;
  if (!column) return rows;
  const compare = (one, other) =>
    column.text ? one.name.localeCompare(other.name) : one[column.key] - other[column.key];
  return [...rows].sort((one, other) => (descending ? compare(other, one) : compare(one, other)));
}

function writeLeaks() {
  const wanted = byId("leaks-filter").value.trim().toLowerCase();
  const found = sorted(leaks.filter((leak) => leak.words.includes(wanted)));
  const shown = all ? found : found.slice(0, ROWS);
  document.querySelector("#leak-table tbody").replaceChildren(...shown.map(leakRow));
  const bytes = found.reduce((sum, leak) => sum + leak.now, 0);
  byId("leaks-count").textContent = `${several(found.length, "place")}, ${size(bytes)}`;
  byId("leaks-more").hidden = shown.length === found.length;
  byId("leaks-more").textContent = `Show all ${count(found.length)}`;
}

function leakRow(leak) {
  const place = make("td", { class: "place" }, placeOf(leak));
  if (leak.suspect)
    place.append(
      make(
        "span",
        { class: "tag" },
        ["", "perhaps a leak", "likely a leak", "very likely a leak"][leak.growth],
      ),
    );
  if (data.owners.length > 1) place.append(make("small", {}, `for ${leak.owners.join(", ")}`));
  const cell = (name, text, ...more) => make("td", { "data-label": name }, text, ...more);
  return make(
    "tr",
    {},
    place,
    cell("Bytes", size(leak.now)),
    cell("Blocks", count(leak.blocks)),
    cell("Oldest", ageText(leak.oldest, leak.oldest_time)),
    cell("Trend", sparkline(leak)),
  );
}

/** The place, and below it, if one asks, who called it. */
function placeOf(leak) {
  if (leak.stack.length < 2) return make("span", { class: "mono" }, leak.name);
  const callers = leak.stack.map((frame) =>
    make("li", {}, make("b", {}, frame.function), frame.place ? ` ${frame.place}` : ""),
  );
  return make(
    "details",
    {},
    make("summary", { class: "mono" }, leak.name),
    make("ol", { class: "stack" }, ...callers),
  );
}

function sparkline(leak) {
  if (!leak.bytes.length) return "–";
  const greatest = Math.max(1, ...leak.bytes);
  const points = leak.bytes.map(
    (bytes, sample) =>
      `${(timeline.position(sample) * 100).toFixed(1)},${(23 - (bytes / greatest) * 21).toFixed(1)}`,
  );
  const svg = drawn("svg", {
    viewBox: "0 0 100 24",
    class: "sparkline",
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": `at most ${size(greatest)}`,
  });
  svg.append(
    drawn("polygon", { points: ["0,23", ...points, "100,23"].join(" ") }),
    drawn("polyline", { points: points.join(" ") }),
  );
  return svg;
}
