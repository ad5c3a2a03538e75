// Chart of the memory of each owner over time, with what happened meanwhile.

function makeMemory() {
  byId("memory-chart").dataset.label = "Live bytes over time, stacked";
  follow(byId("memory-chart"), undefined, MARGIN);
  const controls = document.querySelector("#memory .controls");
  if (data.owners.length > 1) controls.append(shadesChoice("stack", "Stacked by"));
  if (hasTime)
    controls.append(
      choice(
        "axis",
        "Axis",
        [
          ["time", "time"],
          ["events", "events"],
        ],
        axis,
        (value) => {
          axis = value;
          redraw();
        },
      ),
    );
}

/** Owner or call site: one choice for the chart and the map. */
function shadesChoice(name, legend) {
  return choice(
    name,
    legend,
    [
      ["owners", "owner"],
      ["sites", SITE],
    ],
    shades,
    (value) => {
      shades = value;
      for (const input of document.querySelectorAll('input[name="stack"], input[name="shade"]'))
        input.checked = input.value === value;
      redraw();
    },
  );
}

function drawMemory() {
  const peak = {
    position: timeline.position(data.peak.sample),
    value: data.peak.bytes,
    text: `peak ${size(data.peak.bytes)}`,
  };
  const layers = layersOf(shades).map((layer) => ({ ...layer, color: `var(--${layer.color})` }));
  chart(byId("memory-chart"), {
    lines: stacked(layers),
    marks: [peak],
    flags: flags(),
    bands: bands(),
  });
}

/** The color of each level of shortage. */
const LEVELS = { low: "hole", critical: "accent" };

function bands() {
  const place = ({ event, time }) => positionOf(event, time);
  return data.bands.shown.map((band) => ({
    from: place(band.from),
    to: place(band.to),
    color: `var(--${LEVELS[band.level]})`,
  }));
}

function flags() {
  const named = data.marks.shown.map((mark) => ({
    position: positionOf(mark.event, mark.time),
    color: "var(--soft)",
    text: mark.name,
    shape: "line",
  }));
  const where = (series, shape, color) =>
    series
      .map((number, sample) => [number, sample])
      .filter(([number]) => number > 0)
      .map(([, sample]) => ({ position: timeline.position(sample), color, shape }));
  const done = data.pressure.shown.map((act) => ({
    position: positionOf(act.event, act.time),
    color: "var(--poison)",
    shape: "diamond",
  }));
  return [
    ...named,
    ...done,
    ...where(data.samples.failed, "triangle", "var(--accent)"),
    ...where(data.samples.dropped, "cross", "var(--ink)"),
  ];
}

function writeMemoryLegend() {
  const layers = layersOf(shades);
  const items = layers.map((layer) =>
    legendItem(legendBox(`var(--${layer.color})`), layer.name, size(layer.values[cursor])),
  );
  const blocksNow = several(data.samples.blocks[cursor], "block");
  byId("memory-legend").replaceChildren(
    ...items,
    legendItem("", "together", `${size(data.samples.bytes[cursor])} in ${blocksNow}`),
  );
}

function writeFlagLegend() {
  const sign = (text, color) => make("em", { class: "sign", style: `color:var(--${color})` }, text);
  const items = [];
  if (data.failures.all)
    items.push(legendItem(sign("▲", "accent"), several(data.failures.all, "failed request")));
  for (const level of Object.keys(LEVELS)) {
    const gauges = new Set(
      data.bands.shown.filter((band) => band.level === level).map((band) => band.gauge),
    );
    for (const gauge of gauges)
      items.push(legendItem(legendBox(`var(--${LEVELS[level]})`), `${gauge} memory ${level}`));
  }
  if (data.pressure.all)
    items.push(
      legendItem(sign("◆", "poison"), `${several(data.pressure.all, "step")} against shortage`),
    );
  if (data.gaps.dropped)
    items.push(legendItem(sign("✕", "ink"), `${several(data.gaps.dropped, "event")} dropped`));
  if (data.marks.all)
    items.push(
      legendItem(
        sign("┊", "soft"),
        several(data.marks.all, "mark of the program", "marks of the program"),
      ),
    );
  byId("flag-legend").replaceChildren(...items);
}

/** How many failures are shown before one asks for all. */
const FIRST_FAILURES = 6;

function writeFailures() {
  const { shown, all } = data.failures;
  byId("failures").hidden = all === 0;
  writeFirst(byId("failures").querySelector("ol"), shown, all, failureItem);
}

/** What was done when memory was short, one by one. */
function writePressure() {
  const { shown, all } = data.pressure;
  byId("pressure").hidden = all === 0;
  writeFirst(byId("pressure").querySelector("ol"), shown, all, (act) =>
    make("li", {}, `${capital(act.name)}. `, goTo(act)),
  );
}

/** The first few of `shown`, of which there are `all`, and a button for the others. */
function writeFirst(list, shown, all, item) {
  const show = (some) => list.replaceChildren(...some.map(item));
  show(shown.slice(0, FIRST_FAILURES));
  const more = make(
    "button",
    { type: "button", class: "plain" },
    all > shown.length
      ? `Show the first ${count(shown.length)} of ${count(all)}`
      : `Show all ${count(all)}`,
  );
  more.addEventListener("click", () => {
    show(shown);
    more.remove();
  });
  if (all > FIRST_FAILURES) list.after(more);
}

/** A button that moves the cursor to when something happened. */
function goTo({ event, time }) {
  const go = make("button", { type: "button", class: "link" }, when(event, time));
  go.addEventListener("click", () => {
    stop();
    moveTo(sampleAt(positionOf(event, time)));
    byId("memory").scrollIntoView();
  });
  return go;
}

const capital = (sentence) => sentence.charAt(0).toUpperCase() + sentence.slice(1);

function failureItem(failure) {
  const why = capital(failure.sentence);
  return make(
    "li",
    {},
    make("b", {}, requestText(failure)),
    ` ${why}${why.endsWith(".") ? "" : "."} `,
    goTo(failure),
  );
}

/** A size that does not fit is shown as the greatest that does. */
function requestText(failure) {
  const bytes = failure.size === 0xffffffff ? "4 GiB or more" : size(failure.size);
  return `${failure.owner === "nobody" ? "Somebody" : failure.owner} asked for ${bytes} with ${failure.caps}.`;
}
