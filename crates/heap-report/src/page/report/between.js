// What was allocated between two samples of the page and is still live at the second.

/** How many places are shown. */
const BETWEEN_ROWS = 25;
let between = { from: 0, to: last };

function makeBetween() {
  for (const end of ["from", "to"]) {
    const slider = byId(`between-${end}`);
    slider.max = last;
    slider.addEventListener("input", () => setBetween(end, Number(slider.value)));
    byId(`between-set-${end}`).addEventListener("click", () => setBetween(end, cursor));
  }
  writeBetween();
}

/** Moves one end; the other goes with it where they would cross. */
function setBetween(end, sample) {
  between[end] = sample;
  if (end === "from") between.to = Math.max(between.from, between.to);
  else between.from = Math.min(between.from, between.to);
  writeBetween();
}

/**
 * The sample of the page that has a map and is next to `sample`: only there it is known which
 * blocks are live.
 */
const sampleWithMap = (sample) => data.blocks.samples[mapSample(sample)] ?? sample;

/** [place, {bytes, blocks, oldest, owners}] for each place, the one with most bytes first. */
function leftBetween(from, to) {
  const [first, until] = [data.samples.event[from], data.samples.event[to]];
  const places = new Map();
  for (const block of aliveAt(to)) {
    if (block.allocated_at < first || block.allocated_at >= until) continue;
    const place = places.get(block.sites) ?? {
      bytes: 0,
      blocks: 0,
      oldest: block.allocated_at,
      owners: new Set(),
    };
    place.bytes += block.size;
    place.blocks += 1;
    place.oldest = Math.min(place.oldest, block.allocated_at);
    place.owners.add(data.owners[block.owners].name);
    places.set(block.sites, place);
  }
  return [...places].sort(([, one], [, other]) => other.bytes - one.bytes);
}

function writeBetween() {
  const [from, to] = [between.from, sampleWithMap(between.to)];
  for (const [end, sample] of [
    ["from", from],
    ["to", to],
  ]) {
    byId(`between-${end}`).value = between[end];
    byId(`between-${end}`).setAttribute("aria-valuetext", sampleText(sample));
    byId(`between-${end}-at`).textContent = sampleText(sample);
  }
  const places = leftBetween(from, to);
  const sum = (key) => places.reduce((sum, [, place]) => sum + place[key], 0);
  const rest = places.length - BETWEEN_ROWS;
  byId("between-sum").textContent =
    places.length === 0
      ? "Nothing: what was allocated in between was freed in between."
      : `${size(sum("bytes"))} in ${several(sum("blocks"), "block")} from ${several(places.length, "place")}${rest > 0 ? `; the ${BETWEEN_ROWS} with most bytes are shown` : ""}.`;
  byId("between-table").hidden = places.length === 0;
  byId("between-table")
    .querySelector("tbody")
    .replaceChildren(...places.slice(0, BETWEEN_ROWS).map(betweenRow));
}

function betweenRow([site, place]) {
  const name = make(
    "td",
    { class: "place" },
    make("span", { class: "mono" }, data.sites[site].name),
  );
  if (data.owners.length > 1) name.append(make("small", {}, `for ${[...place.owners].join(", ")}`));
  const cell = (label, text) => make("td", { "data-label": label }, text);
  return make(
    "tr",
    {},
    name,
    cell("Bytes", size(place.bytes)),
    cell("Blocks", count(place.blocks)),
    cell("Oldest", `event ${count(place.oldest)}`),
  );
}
