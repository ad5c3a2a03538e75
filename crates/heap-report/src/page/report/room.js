// Chart of the largest request that each heap could serve, and of its fragmentation.

const fragmentation = (free, largest) => (free > 0 ? 1 - Math.min(largest, free) / free : 0);

function makeRoom() {
  byId("room").hidden = data.heaps.length === 0;
  byId("room-note").textContent = data.exact
    ? "Measured: the heaps were asked at every sample."
    : "Rebuilt from the blocks that are live, not measured: what a heap keeps for itself and canaries count as free.";
  byId("largest-chart").dataset.label = "Largest free block of each heap over time";
  byId("fragmentation-chart").dataset.label = "Fragmentation of each heap over time";
  byId("room-legend").replaceChildren(
    ...data.heaps.map((heap, index) => legendItem(heapStroke(index), heapLabel(heap, data.heaps))),
  );
  follow(byId("largest-chart"), undefined, MARGIN);
  follow(byId("fragmentation-chart"), undefined, MARGIN);
}

const heapStroke = (index) =>
  legendStroke(`var(--${paletteColor(index)})`, index > 3 ? "dashed" : "");

function drawRoom() {
  if (!data.heaps.length) return;
  const isLogarithmic = unequal(data.heaps.map((heap) => heap.size));
  byId("largest-title").textContent = isLogarithmic
    ? "Largest free block (logarithmic)"
    : "Largest free block";
  const lines = (values) =>
    data.heaps.map((heap, index) => ({
      values: values(heap),
      color: `var(--${paletteColor(index)})`,
      dashed: index > 3,
    }));
  chart(byId("largest-chart"), {
    lines: lines((heap) => heap.largest),
    flags: flags(),
    bands: bands(),
    scale: isLogarithmic ? logarithmic : linear,
  });
  const shares = (heap) =>
    heap.free.map((free, sample) => fragmentation(free, heap.largest[sample]));
  chart(byId("fragmentation-chart"), { lines: lines(shares), flags: flags(), scale: inPercent });
}

function writeHeaps() {
  const rows = data.heaps.map((heap, index) => {
    const [free, largest] = [heap.free[cursor], Math.min(heap.largest[cursor], heap.free[cursor])];
    const bytes = [heap.size, heap.used[cursor], free, largest, free - largest].map(count);
    return {
      name: [heapStroke(index), heapLabel(heap, data.heaps)],
      figures: [...bytes, percent(fragmentation(free, largest)), count(heap.blocks[cursor])],
    };
  });
  fillTable(
    byId("heaps"),
    ["heap", "size", "in use", "free", "= largest", "+ holes", "fragmentation", "blocks"],
    rows,
  );
}
