// The report's data: samples, owners and call sites by name.

/** Written by report.rs, which says what is what. */
const data = JSON.parse(byId("data").textContent);
const last = data.samples.event.length - 1;
/** How many owners or sites have a color of their own. */
const SHOWN = 7;
/** What sites are: lines of source, or what stands in for them. */
const SITE = data.source === "recorded" ? "size class" : "call site";
const hasTime = data.ticks_per_second > 0 && data.samples.time[last] > 0;
let axis = hasTime ? "time" : "events";
let shades = data.owners.length > 1 ? "owners" : "sites";

const timeline = {
  count: last + 1,
  position: (sample) => positionOf(data.samples.event[sample], data.samples.time[sample]),
  labels: () => (axis === "time" ? timeLabels() : eventLabels()),
  unit: () => (axis === "time" ? "time since the first event" : "events"),
};

/** Where something is on the axis, 0 to 1. */
function positionOf(event, time) {
  const [value, greatest] =
    axis === "time" ? [time, data.samples.time[last]] : [event, data.samples.event[last]];
  return greatest > 0 ? value / greatest : 0;
}

function eventLabels() {
  return [0, 1, 2, 3, 4].map((part) => [part / 4, count(Math.round((data.events * part) / 4))]);
}

const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800,
  604800,
];
function timeLabels() {
  const seconds = data.samples.time[last] / data.ticks_per_second;
  const least = 10 ** Math.floor(Math.log10(seconds / 5));
  const step =
    seconds < 5
      ? [1, 2, 5, 10].map((factor) => factor * least).find((step) => seconds / step <= 5)
      : STEPS.find((step) => seconds / step <= 5) || seconds;
  return Array.from({ length: Math.floor(seconds / step + 1e-9) + 1 }, (_, index) => [
    (index * step) / seconds,
    timeText(index * step),
  ]);
}

/** At most two units, as a person would say it. */
function timeText(seconds) {
  const short = (value) => String(Number(value.toPrecision(3)));
  if (seconds === 0) return "0";
  if (seconds < 1e-3) return `${short(seconds * 1e6)}\u00a0µs`;
  if (seconds < 1) return `${short(seconds * 1e3)}\u00a0ms`;
  if (seconds < 60) return `${short(seconds)}\u00a0s`;
  const pair = (big, bigName, small, smallName) =>
    small ? `${big}\u00a0${bigName} ${small}\u00a0${smallName}` : `${big}\u00a0${bigName}`;
  const whole = Math.round(seconds);
  if (whole < 3600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86400)
    return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return pair(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

/** When something happened: `event 1,234, 12.3 s`. */
function when(event, time) {
  return hasTime
    ? `event ${count(event)}, ${timeText(time / data.ticks_per_second)}`
    : `event ${count(event)}`;
}
const sampleText = (sample) => when(data.samples.event[sample], data.samples.time[sample]);

/** How long ago, at the end. */
function ageText(event, time) {
  if (hasTime) return timeText((data.samples.time[last] - time) / data.ticks_per_second);
  return several(data.events - event, "event");
}

/** The layers of owners or sites, those with the highest peaks first: {name, color, values}. */
function layersOf(kind) {
  const members = data[kind];
  const layers = members.slice(0, SHOWN).map((member, index) => ({
    name: member.name,
    color: paletteColor(index),
    values: member.bytes,
  }));
  if (members.length > SHOWN) {
    const values = data.samples.bytes.map((bytes, sample) =>
      layers.reduce((rest, layer) => rest - layer.values[sample], bytes),
    );
    const name =
      members.length === SHOWN + 1 ? members[SHOWN].name : several(members.length - SHOWN, "other");
    layers.push({ name, color: paletteColor(SHOWN), values });
  }
  return layers;
}
/** The color of an owner or site, by its place in the list. */
const shadeOf = (number) => paletteColor(Math.min(number, SHOWN));

/** The blocks of the map, as objects once and not as columns. */
const blocks = readBlocks();
function readBlocks() {
  const { address, size, site, owner, allocated_at, from, lasts } = data.blocks;
  let at = 0;
  return address.map((step, index) => {
    at += step;
    return {
      address: at,
      size: size[index],
      sites: site[index],
      owners: owner[index],
      allocated_at: allocated_at[index],
      from: from[index],
      to: from[index] + lasts[index],
    };
  });
}
/** The sample of the map next to a sample of the page: there may be fewer. */
function mapSample(sample) {
  const kept = data.blocks.samples;
  let nearest = 0;
  kept.forEach((other, index) => {
    if (Math.abs(other - sample) < Math.abs(kept[nearest] - sample)) nearest = index;
  });
  return nearest;
}
const aliveAt = (sample, among = blocks) => {
  const at = mapSample(sample);
  return among.filter((block) => block.from <= at && at <= block.to);
};

/** A choice of one of several, as radio buttons; calls `chosen` with its value. */
function choice(name, legend, options, current, chosen) {
  const set = make("fieldset", { class: "choice" }, make("legend", {}, legend));
  for (const [value, text] of options) {
    const input = make("input", { type: "radio", name, value, id: `${name}-${value}` });
    input.checked = value === current;
    input.addEventListener("change", () => chosen(value));
    set.append(make("label", {}, input, make("span", {}, text)));
  }
  return set;
}
