// How many bytes over time: what the program had, and the biggest request that could be served.

const regionColor = (index) => `var(--${paletteColor(index)})`;

function drawCharts() {
  const asked = { values: data.asked, color: "var(--ink)", width: 1.5 };
  const peak = {
    position: data.peak_operation / data.operations,
    value: data.peak_bytes,
    text: `peak ${size(data.peak_bytes)}`,
  };
  const layers = regions
    .map((region, index) => ({ values: region.used, color: regionColor(index) }))
    .filter((_, index) => hasServed(regions[index]));
  chart(byId("live-chart"), { lines: [...stacked(layers), asked], marks: [peak] });
  const lines = regions.map((region, index) => ({
    values: region.largest,
    color: regionColor(index),
  }));
  const best = { values: bestOfAll(), color: "var(--ink)", dashed: true, width: 3 };
  chart(byId("largest-chart"), {
    lines: [best, ...lines],
    scale: hasUnequal() ? logarithmic : linear,
  });
}

const hasUnequal = () => unequal(regions.map((region) => region.size));

function bestOfAll() {
  return data.frames.map((_, frame) => Math.max(...regions.map((region) => region.largest[frame])));
}

function writeChartLegends() {
  const used = regions
    .map((region, index) => [region, index])
    .filter(([region]) => hasServed(region));
  byId("live-legend").replaceChildren(
    ...used.map(([region, index]) =>
      legendItem(
        legendBox(regionColor(index)),
        heapLabel(region, regions),
        size(region.used[cursor]),
      ),
    ),
    legendItem(legendStroke("var(--ink)"), "asked for", size(data.asked[cursor])),
  );
  byId("largest-legend").replaceChildren(
    ...regions.map((region, index) =>
      legendItem(
        legendStroke(regionColor(index)),
        heapLabel(region, regions),
        size(region.largest[cursor]),
      ),
    ),
    legendItem(legendStroke("var(--ink)", "dashed"), "total", size(bestOfAll()[cursor])),
  );
}
