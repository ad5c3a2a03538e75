// How many bytes over time: line charts in SVG, and their legends with the values at the cursor.

const MARGIN = { left: 62, right: 10, top: 14, bottom: 40 };

function niceStep(greatest) {
  const rough = greatest / 4;
  let step = 256;
  while (step < rough) step *= 2;
  return step;
}

/** Values on the axis and the share of the height (0 to 1) of any value. */
function linear(greatest) {
  const step = niceStep(greatest);
  const top = Math.ceil(greatest / step) * step;
  const ticks = Array.from({ length: top / step + 1 }, (_, index) => index * step);
  return { ticks, share: (value) => value / top };
}
function logarithmic(greatest) {
  const height = (value) => Math.log2(1 + value / 64);
  const ticks = [0];
  for (let value = 256; value <= greatest; value *= 16) ticks.push(value);
  return { ticks, share: (value) => height(value) / height(greatest) };
}

/** `lines`: {values, color, area?, below?, dashed?, width?}; `marks`: {operation, value, text}. */
function chart(holder, lines, marks, scale) {
  const width = Math.max(280, holder.clientWidth);
  const height = width < 500 ? 210 : 260;
  const greatest = Math.max(1, ...lines.flatMap((line) => line.values), ...marks.map((mark) => mark.value));
  const { ticks, share } = scale(greatest);
  const x = (operation) => MARGIN.left + (operation / data.operations) * (width - MARGIN.left - MARGIN.right);
  const y = (value) => height - MARGIN.bottom - share(value) * (height - MARGIN.top - MARGIN.bottom);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": holder.dataset.label });

  for (const value of ticks) {
    svg.append(drawn("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value), stroke: "var(--grid)" }));
    svg.append(drawn("text", { x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, value === 0 ? "0" : size(value).replace(".0 ", " ").replace(".00 ", " ")));
  }
  for (let part = 0; part <= 4; part++) {
    const operation = Math.round((data.operations * part) / 4);
    const anchor = part === 4 ? "end" : part === 0 ? "start" : "middle";
    svg.append(drawn("text", { x: x(operation), y: height - MARGIN.bottom + 17, "text-anchor": anchor }, count(operation)));
  }
  svg.append(drawn("text", { x: (MARGIN.left + width) / 2, y: height - 4, "text-anchor": "middle" }, "operations replayed"));

  const points = (values) => values.map((value, frame) => `${x(data.frames[frame]).toFixed(1)},${y(value).toFixed(1)}`);
  for (const line of lines) {
    if (line.area) {
      const back = points(line.below).reverse();
      svg.append(drawn("polygon", { points: [...points(line.values), ...back].join(" "), fill: line.color, "fill-opacity": 0.8 }));
    } else {
      const dash = line.dashed ? "5 4" : "none";
      svg.append(drawn("polyline", { points: points(line.values).join(" "), fill: "none", stroke: line.color, "stroke-width": line.width || 1.8, "stroke-dasharray": dash, "stroke-linejoin": "round" }));
    }
  }
  for (const mark of marks) {
    const end = x(mark.operation) > width / 2;
    svg.append(drawn("circle", { cx: x(mark.operation), cy: y(mark.value), r: 4, fill: "var(--ink)", stroke: "var(--card)", "stroke-width": 1.5 }));
    svg.append(drawn("text", { class: "mark", x: x(mark.operation) + (end ? -8 : 8), y: Math.max(11, y(mark.value) - 8), "text-anchor": end ? "end" : "start" }, mark.text));
  }
  const line = drawn("line", { y1: MARGIN.top, y2: height - MARGIN.bottom, stroke: "var(--accent)", "stroke-width": 2 });
  svg.append(line);
  holder.replaceChildren(svg);
  holder.moveCursor = () => {
    line.setAttribute("x1", x(data.frames[cursor]));
    line.setAttribute("x2", x(data.frames[cursor]));
  };
  holder.moveCursor();
}

function stacked() {
  let below = data.frames.map(() => 0);
  return regions.map((region, index) => {
    const values = region.used.map((bytes, frame) => bytes + below[frame]);
    const line = { values, below, color: regionColor(index), area: true };
    below = values;
    return line;
  }).filter((line) => line.values.some((value, frame) => value > line.below[frame]));
}

function drawCharts() {
  const asked = { values: data.asked, color: "var(--ink)", width: 1.5 };
  const peak = { operation: data.peak_operation, value: data.peak_bytes, text: `peak ${size(data.peak_bytes)}` };
  chart(byId("live-chart"), [...stacked(), asked], [peak], linear);
  const lines = regions.map((region, index) => ({ values: region.largest, color: regionColor(index) }));
  chart(byId("largest-chart"), [{ values: bestOfAll(), color: "var(--ink)", dashed: true, width: 3 }, ...lines], [], unequal() ? logarithmic : linear);
}

/** Whether one heap is so much bigger than another that a linear axis would hide the other. */
function unequal() {
  const sizes = regions.map((region) => region.size).sort((a, b) => a - b);
  return sizes.at(-1) > 8 * sizes[Math.floor(sizes.length / 2)];
}

function bestOfAll() {
  return data.frames.map((_, frame) => Math.max(...regions.map((region) => region.largest[frame])));
}

function writeChartLegends() {
  const item = (mark, name, value) => make("li", {}, mark, name, make("b", {}, value));
  const box = (color) => make("i", { style: `background:${color}` });
  const stroke = (color, more) => make("i", { class: `stroke ${more || ""}`, style: `border-color:${color}` });
  const used = regions.map((region, index) => [region, index]).filter(([region]) => hasServed(region));
  byId("live-legend").replaceChildren(
    ...used.map(([region, index]) => item(box(regionColor(index)), label(region), size(region.used[cursor]))),
    item(stroke("var(--ink)"), "asked for", size(data.asked[cursor])),
  );
  byId("largest-legend").replaceChildren(
    ...regions.map((region, index) => item(stroke(regionColor(index)), label(region), size(region.largest[cursor]))),
    item(stroke("var(--ink)", "dashed"), "total", size(bestOfAll()[cursor])),
  );
}

function label(region) {
  const same = regions.filter((other) => other.name === region.name);
  return same.length > 1 ? `${region.name} ${hex(region.start)}` : region.name;
}
