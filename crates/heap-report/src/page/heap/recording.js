// The recording: each cell of a heap at each step.

/** Written by recording.rs, which says what is what. */
const data = JSON.parse(byId("data").textContent);
const frames = data.frames.length;
const regions = data.regions.map((region) => ({ ...region, map: bytes(region.map) }));
const KINDS = [
  { name: "Used", color: "used" },
  { name: "Poison", color: "poison" },
  { name: "Headers", color: "headers" },
  { name: "Holes", color: "hole" },
  { name: "Largest free block", color: "free" },
];
const LEVELS = 15;
let colors = {};

const timeline = {
  count: frames,
  position: (sample) => (data.operations ? data.frames[sample] / data.operations : 0),
  labels: () =>
    [0, 1, 2, 3, 4].map((part) => [part / 4, count(Math.round((data.operations * part) / 4))]),
  unit: () => "operations replayed",
};

function bytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
const total = (series) => regions.reduce((sum, region) => sum + region[series][cursor], 0);

/** Shares of used, poison, headers, holes and free memory of one cell, 0 to 1, in this order. */
function shares(region, frame, cell) {
  const at = (frame * region.cells + cell) * 2;
  const [first, second] = [region.map[at], region.map[at + 1]];
  const parts = [first >> 4, first & 15, second >> 4, second & 15].map((level) => level / LEVELS);
  parts.push(Math.max(0, 1 - parts.reduce((sum, part) => sum + part, 0)));
  return parts;
}

function readColors() {
  for (const kind of KINDS) {
    const value = colorOf(kind.color);
    colors[kind.color] = {
      css: value,
      rgb: [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16)),
    };
  }
}
