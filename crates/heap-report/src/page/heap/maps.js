// What is each cell of each heap: as bands over time, and cell by cell at the cursor.

function makeBands() {
  for (const region of regions) {
    region.canvas = make("canvas", {});
    region.line = make("div", { class: "cursor" });
    region.now = make("span", {});
    region.plot = make(
      "div",
      { class: "plot", style: `height:${bandHeight(region)}px` },
      region.canvas,
      region.line,
    );
    const who = make(
      "div",
      { class: "who" },
      make("b", {}, region.name),
      make("span", { class: "mono" }, hex(region.start)),
      make("span", {}, size(region.size)),
      region.now,
    );
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
        picture.data[at + channel] = KINDS.reduce(
          (sum, kind, index) => sum + parts[index] * colors[kind.color].rgb[channel],
          0,
        );
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
  const named = KINDS.map((kind, index) => [kind.name, parts[index]]).filter(
    ([, part]) => part > 0.02,
  );
  return [
    `${region.name} ${hex(start)} – ${hex(end)}`,
    named.map(([name, part]) => `${name} ${Math.round(part * 100)} %`).join(" · "),
  ];
}

function writeTimeAxis() {
  const times = timeline.labels().map(([position, text]) => {
    const place = position === 0 ? "first" : position === 1 ? "last" : "";
    return make("span", { class: place, style: `left:${100 * position}%` }, text);
  });
  byId("time-axis").replaceChildren(...times, make("em", {}, timeline.unit()));
  thinOut(times);
}

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
      return column >= 0 && column < region.columns && cell >= 0 && cell < region.cells
        ? cell
        : undefined;
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
  region.caption.replaceChildren(
    make("b", {}, region.name),
    ` ${hex(region.start)}, a cell is ${count(region.cell_bytes)} B`,
  );
}
