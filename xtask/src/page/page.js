// Draws the recording: heat maps on canvas, line charts in SVG, one cursor for all of them.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const frames = data.frames.length;
  const regions = data.regions.map((region) => ({ ...region, map: bytes(region.map) }));
  const KINDS = [
    { name: "Used", color: "used" },
    { name: "Poison", color: "poison" },
    { name: "Headers", color: "headers" },
    { name: "Holes", color: "hole" },
    { name: "Free", color: "free" },
  ];
  const LEVELS = 15;
  let cursor = data.peak_frame;
  let colors = {};

  // ---- small helpers -------------------------------------------------------------------------

  function bytes(base64) {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  }
  const byId = (id) => document.getElementById(id);
  const count = (number) => number.toLocaleString("en-US");
  const hex = (address) => "0x" + address.toString(16).toUpperCase().padStart(8, "0").replace(/(.{4})$/, "_$1");
  function size(number) {
    if (number < 1024) return `${count(number)} B`;
    if (number < 1024 * 1024) return `${(number / 1024).toFixed(1)} KiB`;
    return `${(number / 1024 / 1024).toFixed(2)} MiB`;
  }
  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }
  function drawn(tag, attributes, text) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }
  const total = (series) => regions.reduce((sum, region) => sum + region[series][cursor], 0);
  const regionColor = (index) => `var(--r${index % 8})`;

  /** The shares of used, poison, headers, holes and free memory of one cell, 0 to 1, in this order. */
  function shares(region, frame, cell) {
    const at = (frame * region.cells + cell) * 2;
    const [first, second] = [region.map[at], region.map[at + 1]];
    const parts = [first >> 4, first & 15, second >> 4, second & 15].map((level) => level / LEVELS);
    parts.push(Math.max(0, 1 - parts.reduce((sum, part) => sum + part, 0)));
    return parts;
  }

  function readColors() {
    const style = getComputedStyle(document.documentElement);
    for (const kind of KINDS) {
      const value = style.getPropertyValue("--" + kind.color).trim();
      colors[kind.color] = { css: value, rgb: [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16)) };
    }
  }

  // ---- text ----------------------------------------------------------------------------------

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

  // ---- heat maps -----------------------------------------------------------------------------

  function makeBands() {
    for (const region of regions) {
      region.canvas = make("canvas", {});
      region.line = make("div", { class: "cursor" });
      region.now = make("span", {});
      region.plot = make("div", { class: "plot", style: `height:${bandHeight(region)}px` }, region.canvas, region.line);
      const who = make("div", { class: "who" }, make("b", {}, region.name), make("span", { class: "mono" }, hex(region.start)), make("span", {}, size(region.size)), region.now);
      byId("bands").append(make("div", { class: "band" }, who, region.plot));
      follow(region.plot, (x, y) => {
        const cell = Math.min(region.cells - 1, Math.floor(y * region.cells));
        return describeCell(region, cell);
      });
    }
  }

  /** By size, but big enough to be pointed at; a heap that never served is a strip. */
  function bandHeight(region) {
    const biggest = Math.max(...regions.filter(hasServed).map((other) => other.size), 1);
    return hasServed(region) ? Math.max(76, 240 * Math.min(1, region.size / biggest)) : 66;
  }
  const hasServed = (region) => region.used.some((bytes) => bytes > 0);

  function paintBand(region) {
    const picture = new ImageData(frames, region.cells);
    for (let frame = 0; frame < frames; frame++) {
      for (let cell = 0; cell < region.cells; cell++) {
        const parts = shares(region, frame, cell);
        const at = (cell * frames + frame) * 4;
        for (let channel = 0; channel < 3; channel++) {
          picture.data[at + channel] = KINDS.reduce((sum, kind, index) => sum + parts[index] * colors[kind.color].rgb[channel], 0);
        }
        picture.data[at + 3] = 255;
      }
    }
    region.canvas.width = frames;
    region.canvas.height = region.cells;
    region.canvas.style.imageRendering = "pixelated";
    region.canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  function describeCell(region, cell) {
    const parts = shares(region, cursor, cell);
    const start = region.start + cell * region.cell_bytes;
    const end = Math.min(start + region.cell_bytes, region.start + region.size);
    const said = KINDS.map((kind, index) => [kind.name, parts[index]]).filter(([, part]) => part > 0.02);
    return [`${region.name} ${hex(start)} – ${hex(end)}`, said.map(([name, part]) => `${name} ${Math.round(part * 100)} %`).join(" · ")];
  }

  function writeTimeAxis() {
    const steps = 4;
    for (let step = 0; step <= steps; step++) {
      const place = step === 0 ? "first" : step === steps ? "last" : "";
      const label = count(Math.round((data.operations * step) / steps));
      byId("time-axis").append(make("span", { class: place, style: `left:${(100 * step) / steps}%` }, label));
    }
    byId("time-axis").append(make("em", {}, "operations replayed"));
  }

  // ---- cells at the cursor -------------------------------------------------------------------

  function makeGrids() {
    for (const region of regions) {
      region.grid = make("canvas", {});
      region.caption = make("p", {});
      byId("grids").append(make("div", { class: "grid" }, region.caption, region.grid));
      const cellAt = (event) => {
        const box = region.grid.getBoundingClientRect();
        const column = Math.floor((event.clientX - box.left) / region.pitch);
        const row = Math.floor((event.clientY - box.top) / region.rowPitch);
        const cell = row * region.columns + column;
        return column >= 0 && column < region.columns && cell >= 0 && cell < region.cells ? cell : undefined;
      };
      const show = (event) => {
        const cell = cellAt(event);
        if (cell === undefined) hideTip();
        else showTip(event, describeCell(region, cell));
      };
      region.grid.addEventListener("pointermove", show);
      region.grid.addEventListener("pointerdown", show);
      region.grid.addEventListener("pointerleave", hideTip);
    }
  }

  function paintGrid(region) {
    const width = region.grid.clientWidth;
    const scale = window.devicePixelRatio || 1;
    const [cellWidth, cellHeight, gap] = [width < 500 ? 6 : 8, 18, 1.5];
    region.pitch = cellWidth + gap;
    region.rowPitch = cellHeight + gap + 1.5;
    region.columns = Math.max(1, Math.floor(width / region.pitch));
    const height = Math.ceil(region.cells / region.columns) * region.rowPitch;
    region.grid.style.height = `${height}px`;
    region.grid.width = width * scale;
    region.grid.height = height * scale;
    const context = region.grid.getContext("2d");
    context.scale(scale, scale);
    for (let cell = 0; cell < region.cells; cell++) {
      const left = (cell % region.columns) * region.pitch;
      let bottom = Math.floor(cell / region.columns) * region.rowPitch + cellHeight;
      shares(region, cursor, cell).forEach((part, index) => {
        context.fillStyle = colors[KINDS[index].color].css;
        context.fillRect(left, bottom - part * cellHeight, cellWidth, part * cellHeight);
        bottom -= part * cellHeight;
      });
    }
    region.caption.replaceChildren(make("b", {}, region.name), ` ${hex(region.start)}, a cell is ${count(region.cell_bytes)} B`);
  }

  // ---- line charts ---------------------------------------------------------------------------

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

  // ---- figures -------------------------------------------------------------------------------

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

  // ---- one cursor for all --------------------------------------------------------------------

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

  // ---- playing -------------------------------------------------------------------------------

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

  // ---- beginning -----------------------------------------------------------------------------

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
})();
