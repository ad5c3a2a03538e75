// What does the recording say, and how is it put in words and colors?
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
