// Map of each heap at the cursor: which block lies where.
//
//   heap     row 0   │▒▒▒▒▒│   │▓▓│████████│      each row is a run of addresses, as wide as the page
//            row 1   │██│▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│  │     stretches of a row can be pointed at

const ROW = 15;
const GAP = 3;
/** Pixels of a row that are pointed at together. */
const STRETCH = 9;
/** What a heap keeps in front of a block. */
const HEADER = 4;
const MOST_LISTED = 12;
/** {heap, start, end}: the addresses that were pointed at last. */
let selected;

function makeMaps() {
  byId("map").hidden = data.heaps.length === 0;
  if (data.owners.length > 1)
    document.querySelector("#map .controls").append(shadesChoice("shade", "Shades by"));
  for (const heap of data.heaps) {
    heap.inside = blocks.filter(
      (block) => block.address >= heap.start && block.address < heap.start + heap.size,
    );
    heap.canvas = make("canvas", {
      tabindex: "0",
      role: "application",
      "aria-label": `Map of ${heapLabel(heap, data.heaps)}: arrow keys go from block to block`,
    });
    heap.caption = make("p", {});
    byId("maps").append(make("div", { class: "grid" }, heap.caption, heap.canvas));
    heap.canvas.addEventListener("pointerdown", (event) => select(heap, ...stretchAt(heap, event)));
    heap.canvas.addEventListener("pointermove", (event) =>
      showTip(event, describeStretch(heap, ...stretchAt(heap, event))),
    );
    heap.canvas.addEventListener("pointerleave", hideTip);
    heap.canvas.addEventListener("keydown", (event) => walk(heap, event));
  }
}

/** How many rows a heap has, and how many bytes a row. One that was never used is a strip. */
function divide(heap) {
  heap.width = heap.canvas.clientWidth;
  const most = heap.inside.length === 0 ? 1 : heap.width < 500 ? 26 : 14;
  heap.rows = Math.max(1, Math.min(most, Math.ceil(heap.size / (16 * heap.width))));
  heap.rowBytes = Math.ceil(heap.size / heap.rows / 64) * 64;
}

function paintMap(heap) {
  divide(heap);
  const scale = window.devicePixelRatio || 1;
  const height = heap.rows * (ROW + GAP);
  heap.canvas.style.height = `${height}px`;
  heap.canvas.width = heap.width * scale;
  heap.canvas.height = height * scale;
  const context = heap.canvas.getContext("2d");
  context.scale(scale, scale);
  context.fillStyle = colorOf("free");
  eachRun(heap, heap.start, heap.start + heap.size, (left, top, width) =>
    context.fillRect(left, top, width, ROW),
  );
  const colors = Array.from({ length: SHOWN + 1 }, (_, index) => colorOf(paletteColor(index)));
  const edge = colorOf("card");
  heap.now = aliveAt(cursor, heap.inside);
  for (const block of heap.now) {
    const color = colors[Math.min(block[shades], SHOWN)];
    eachRun(
      heap,
      block.address - HEADER,
      block.address + Math.max(block.size, HEADER),
      (left, top, width) => {
        context.fillStyle = color;
        context.fillRect(left, top, width, ROW);
        context.fillStyle = edge;
        if (width > 3) context.fillRect(left + width - 0.7, top, 0.7, ROW);
      },
    );
  }
  outlineSelected(heap, context);
  const [free, largest] = [heap.free[cursor], heap.largest[cursor]];
  heap.caption.replaceChildren(
    make("b", {}, heap.name),
    ` ${hex(heap.start)}, ${size(heap.size)} (${heap.caps}): ${size(free)} free, the largest block ${size(largest)}`,
  );
}

function outlineSelected(heap, context) {
  if (!selected || selected.heap !== heap) return;
  context.strokeStyle = colorOf("ink");
  context.lineWidth = 2;
  eachRun(heap, selected.start, selected.end, (left, top, width) =>
    context.strokeRect(left, top + 1, Math.max(width, 3), ROW - 2),
  );
}

/** Calls `act(left, top, width)` for each row that addresses lie in. */
function eachRun(heap, start, end, act) {
  let from = Math.max(0, start - heap.start);
  const stop = Math.min(heap.size, end - heap.start);
  while (from < stop) {
    const row = Math.floor(from / heap.rowBytes);
    const to = Math.min(stop, (row + 1) * heap.rowBytes);
    const pixels = heap.width / heap.rowBytes;
    act((from - row * heap.rowBytes) * pixels, row * (ROW + GAP), (to - from) * pixels);
    from = to;
  }
}

/** The addresses below the pointer: [start, end]. */
function stretchAt(heap, event) {
  const box = heap.canvas.getBoundingClientRect();
  const row = Math.max(
    0,
    Math.min(heap.rows - 1, Math.floor((event.clientY - box.top) / (ROW + GAP))),
  );
  const stretches = Math.max(1, Math.floor(heap.width / STRETCH));
  const across = Math.max(0, Math.min(0.999, (event.clientX - box.left) / box.width));
  const bytes = heap.rowBytes / stretches;
  const start =
    heap.start + row * heap.rowBytes + Math.floor(Math.floor(across * stretches) * bytes);
  return [start, Math.min(heap.start + heap.size, start + Math.ceil(bytes))];
}

const within = (heap, start, end) =>
  heap.now.filter((block) => block.address - HEADER < end && block.address + block.size > start);

function describeStretch(heap, start, end) {
  const found = within(heap, start, end);
  const lines = found
    .slice(0, 3)
    .map((block) => `${size(block.size)} ${data[shades][block[shades]].name}`);
  if (found.length > 3) lines.push(`and ${count(found.length - 3)} more`);
  return [`${hex(start)} – ${hex(end)}`, ...(lines.length ? lines : ["free"])];
}

function select(heap, start, end) {
  selected = { heap, start, end };
  data.heaps.forEach(paintMap);
  writeBlocks();
}

/** Arrow keys: the next block, the one before, a row up or down. */
function walk(heap, event) {
  const at = selected && selected.heap === heap ? selected.start : heap.start - 1;
  const ordered = [...heap.now].sort((one, other) => one.address - other.address);
  const next = (from) => ordered.find((block) => block.address > from);
  const before = (from) => ordered.findLast((block) => block.address < from);
  const found = {
    ArrowRight: () => next(at),
    ArrowLeft: () => before(at),
    ArrowDown: () => next(at + heap.rowBytes - 1),
    ArrowUp: () => before(at - heap.rowBytes + 1),
    Home: () => ordered[0],
    End: () => ordered.at(-1),
  }[event.key];
  if (!found) return;
  event.preventDefault();
  const block = found();
  if (block) select(heap, block.address, block.address + Math.max(1, block.size));
}

function writeBlocks() {
  if (!selected) return byId("blocks").replaceChildren();
  const { heap, start, end } = selected;
  const found = within(heap, start, end);
  const title = make(
    "h3",
    {},
    `${several(found.length, "block")} in `,
    make("span", { class: "mono" }, `${hex(start)} – ${hex(end)}`),
    ` of ${heapLabel(heap, data.heaps)}`,
  );
  if (!found.length)
    return byId("blocks").replaceChildren(title, make("p", { class: "note" }, "Free."));
  const items = found
    .slice(0, MOST_LISTED)
    .map((block) =>
      make(
        "li",
        {},
        make("i", { style: `background:var(--${shadeOf(block[shades])})` }),
        make("b", {}, size(block.size)),
        " at ",
        make("span", { class: "mono" }, hex(block.address)),
        ` from ${data.sites[block.sites].name}`,
        data.owners.length > 1 ? `, for ${data.owners[block.owners].name}` : "",
        `, since event ${count(block.allocated_at)}`,
      ),
    );
  if (found.length > MOST_LISTED)
    items.push(make("li", {}, `… and ${count(found.length - MOST_LISTED)} more`));
  byId("blocks").replaceChildren(title, make("ul", { class: "blocks" }, ...items));
}

function drawMaps() {
  if (!data.heaps.length) return;
  const items = layersOf(shades).map((layer) =>
    legendItem(legendBox(`var(--${layer.color})`), layer.name),
  );
  byId("map-legend").replaceChildren(...items, legendItem(legendBox("var(--free)"), "free"));
  showMaps();
}

function showMaps() {
  data.heaps.forEach(paintMap);
  writeBlocks();
}
