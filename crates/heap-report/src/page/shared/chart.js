// Charts of values over time: lines and areas in SVG, with the cursor in it.

const MARGIN = { left: 62, right: 10, top: 14, bottom: 40 };
/** Room for the texts of flags, above all else. */
const FLAG_TEXT = 18;

function niceStep(greatest) {
  const rough = greatest / 4;
  let step = 256;
  while (step < rough) step *= 2;
  return step;
}

/**
 * Values on the axis, the share of the height (0 to 1) of any value, and how the values are
 * written.
 */
function linear(greatest) {
  const step = niceStep(greatest);
  const top = Math.ceil(greatest / step) * step;
  const ticks = Array.from({ length: top / step + 1 }, (_, index) => index * step);
  return { ticks, share: (value) => value / top, text: roundSize };
}
function logarithmic(greatest) {
  const height = (value) => Math.log2(1 + value / 64);
  const ticks = [0];
  for (let value = 256; value <= greatest; value *= 16) ticks.push(value);
  return { ticks, share: (value) => height(value) / height(greatest), text: roundSize };
}
/** Of shares, 0 to 1. */
function inPercent() {
  return {
    ticks: [0, 0.25, 0.5, 0.75, 1],
    share: (value) => value,
    text: (value) => `${100 * value} %`,
  };
}
/** Whether one is so much greater than another that a linear axis would hide the other. */
function unequal(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.at(-1) > 8 * sorted[Math.floor(sorted.length / 2)];
}

/**
 * `lines`: {values, color, area?, below?, dashed?, width?}; `marks`: {position, value, text};
 * `flags`, what happened at a time: {position, color, text?, shape}, whose shape is "line",
 * "triangle", "cross" or "diamond";
 * `bands`, what lasted for a time: {from, to, color}.
 */
function chart(holder, { lines, marks = [], flags = [], bands = [], scale = linear }) {
  const width = Math.max(280, holder.clientWidth);
  const height = width < 500 ? 210 : 260;
  const greatest = Math.max(
    1,
    ...lines.flatMap((line) => line.values),
    ...marks.map((mark) => mark.value),
  );
  const axis = scale(greatest);
  const x = (position) => MARGIN.left + position * (width - MARGIN.left - MARGIN.right);
  const top = MARGIN.top + (flags.some((flag) => flag.text) ? FLAG_TEXT : 0);
  const y = (value) => height - MARGIN.bottom - axis.share(value) * (height - top - MARGIN.bottom);
  const svg = drawn("svg", {
    viewBox: `0 0 ${width} ${height}`,
    height,
    role: "img",
    "aria-label": holder.dataset.label,
  });

  const times = drawAxes(svg, axis, x, y, width, height);
  for (const band of bands) drawBand(svg, band, x, top, height);
  for (const line of lines) drawLine(svg, line, x, y);
  for (const band of bands) drawBandFoot(svg, band, x, height);
  drawFlags(svg, flags, x, height, width);
  for (const mark of marks) drawMark(svg, mark, x(mark.position), y(mark.value), width);
  const line = drawn("line", {
    y1: top,
    y2: height - MARGIN.bottom,
    stroke: "var(--accent)",
    "stroke-width": 2,
  });
  svg.append(line);
  holder.replaceChildren(svg);
  thinOut(times);
  holder.moveCursor = () => {
    line.setAttribute("x1", x(timeline.position(cursor)));
    line.setAttribute("x2", x(timeline.position(cursor)));
  };
  holder.moveCursor();
}

/** Returns the labels of the time axis. */
function drawAxes(svg, axis, x, y, width, height) {
  for (const value of axis.ticks) {
    svg.append(
      drawn("line", { x1: x(0), x2: x(1), y1: y(value), y2: y(value), stroke: "var(--grid)" }),
    );
    svg.append(
      drawn(
        "text",
        { x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" },
        axis.text(value),
      ),
    );
  }
  const times = timeline.labels().map(([position, text]) => {
    const anchor = position > 0.95 ? "end" : position < 0.05 ? "start" : "middle";
    return drawn(
      "text",
      { x: x(position), y: height - MARGIN.bottom + 17, "text-anchor": anchor },
      text,
    );
  });
  svg.append(
    ...times,
    drawn(
      "text",
      { x: (MARGIN.left + width) / 2, y: height - 4, "text-anchor": "middle" },
      timeline.unit(),
    ),
  );
  return times;
}

/**
 * Takes away labels of an axis that would run into another: the first and the last stay, if both
 * can.
 */
function thinOut(labels) {
  const GAP = 8;
  const kept = [];
  const [first, ...others] = labels;
  for (const label of [first, others.pop(), ...others].filter(Boolean)) {
    const box = label.getBoundingClientRect();
    if (kept.some((other) => box.left < other.right + GAP && other.left < box.right + GAP))
      label.remove();
    else kept.push(box);
  }
}

function drawLine(svg, line, x, y) {
  const points = (values) =>
    values.map(
      (value, sample) => `${x(timeline.position(sample)).toFixed(1)},${y(value).toFixed(1)}`,
    );
  if (line.area) {
    const around = [...points(line.values), ...points(line.below).reverse()];
    svg.append(drawn("polygon", { points: around.join(" "), fill: line.color }));
    return;
  }
  const stroke = {
    stroke: line.color,
    "stroke-width": line.width || 1.8,
    "stroke-dasharray": line.dashed ? "5 4" : "none",
    "stroke-linejoin": "round",
  };
  svg.append(drawn("polyline", { points: points(line.values).join(" "), fill: "none", ...stroke }));
}

/** Behind the lines, from the top to the axis; what was short is as wide as a line at least. */
function drawBand(svg, band, x, top, height) {
  const width = Math.max(1.5, x(band.to) - x(band.from));
  svg.append(
    drawn("rect", {
      class: "level",
      x: x(band.from),
      y: top,
      width,
      height: height - MARGIN.bottom - top,
      fill: band.color,
      "fill-opacity": 0.22,
    }),
  );
}

/** Under the axis, where no area hides it. */
function drawBandFoot(svg, band, x, height) {
  const width = Math.max(1.5, x(band.to) - x(band.from));
  svg.append(
    drawn("rect", {
      x: x(band.from),
      y: height - MARGIN.bottom,
      width,
      height: 4,
      fill: band.color,
    }),
  );
}

/** On the axis; texts where there is room for them. */
function drawFlags(svg, flags, x, height, width) {
  const axis = height - MARGIN.bottom;
  let free = 0;
  for (const flag of flags) {
    const at = x(flag.position);
    if (flag.shape === "triangle")
      svg.append(drawn("path", { d: `M${at} ${axis - 9}l5 9h-10z`, fill: flag.color }));
    if (flag.shape === "cross")
      svg.append(
        drawn("path", {
          d: `M${at - 4} ${axis - 4}l8 8m0 -8l-8 8`,
          stroke: flag.color,
          "stroke-width": 2.4,
        }),
      );
    if (flag.shape === "diamond")
      svg.append(drawn("path", { d: `M${at} ${axis - 10}l4 5l-4 5l-4 -5z`, fill: flag.color }));
    if (flag.shape !== "line") continue;
    svg.append(
      drawn("line", {
        x1: at,
        x2: at,
        y1: FLAG_TEXT - 3,
        y2: axis,
        stroke: flag.color,
        "stroke-dasharray": "2 3",
      }),
    );
    const length = 6.3 * flag.text.length;
    const left = at + length > width ? at - length - 4 : at + 4;
    if (left < free) continue;
    svg.append(drawn("text", { class: "flag", x: left, y: FLAG_TEXT - 7 }, flag.text));
    free = left + length + 6;
  }
}

function drawMark(svg, mark, left, top, width) {
  const end = left > width / 2;
  svg.append(
    drawn("circle", {
      cx: left,
      cy: top,
      r: 4,
      fill: "var(--ink)",
      stroke: "var(--card)",
      "stroke-width": 1.5,
    }),
  );
  svg.append(
    drawn(
      "text",
      {
        class: "mark",
        x: left + (end ? -8 : 8),
        y: Math.max(11, top - 8),
        "text-anchor": end ? "end" : "start",
      },
      mark.text,
    ),
  );
}

/** Areas on top of each other, of {values, color} each. */
function stacked(layers) {
  let below = Array.from({ length: timeline.count }, () => 0);
  return layers.map((layer) => {
    const values = layer.values.map((value, sample) => value + below[sample]);
    const line = { values, below, color: layer.color, area: true };
    below = values;
    return line;
  });
}

/** A line of a legend: what the color means, and the value now, if there is one. */
function legendItem(mark, name, value) {
  return make(
    "li",
    {},
    mark,
    make("span", {}, name),
    ...(value === undefined ? [] : [make("b", {}, value)]),
  );
}
const legendBox = (color) => make("i", { style: `background:${color}` });
const legendStroke = (color, more = "") =>
  make("i", { class: `stroke ${more}`, style: `border-color:${color}` });
