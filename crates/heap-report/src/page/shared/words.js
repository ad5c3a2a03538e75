// Formats of numbers, addresses and elements.
const byId = (id) => document.getElementById(id);
const count = (number) => number.toLocaleString("en-US");
const hex = (address) =>
  "0x" +
  address
    .toString(16)
    .toUpperCase()
    .padStart(8, "0")
    .replace(/(.{4})$/, "_$1");
const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

function size(number) {
  if (number < 1024) return `${count(number)} B`;
  if (number < 1024 * 1024) return `${(number / 1024).toFixed(1)} KiB`;
  return `${(number / 1024 / 1024).toFixed(2)} MiB`;
}
/** For an axis: 64 KiB and not 64.0 KiB. */
const roundSize = (number) => (number === 0 ? "0" : size(number).replace(/\.0+ /, " "));
const several = (number, one, many = one + "s") => `${count(number)} ${number === 1 ? one : many}`;

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

/** Fills a table: `rows` are {name: what stands in the first column, figures: texts, isTotal?}. */
function fillTable(table, columns, rows) {
  const head = make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, name)));
  const filled = rows.map(({ name, figures, isTotal }) => {
    const cells = figures.map((figure, index) =>
      make("td", { "data-label": columns[index + 1] }, figure),
    );
    return make(
      "tr",
      isTotal ? { class: "total" } : {},
      make("th", { scope: "row", class: "place" }, ...name),
      ...cells,
    );
  });
  table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...filled));
}

/** The colors of the style, which a canvas wants by value. */
function colorOf(variable) {
  return getComputedStyle(document.documentElement)
    .getPropertyValue("--" + variable)
    .trim();
}
/** Eight of them, for what has no color of its own; the last is for the rest. */
const paletteColor = (index) => `r${index % 8}`;

/** Names of heaps; those that share one have their address, too. */
function heapLabel(heap, heaps) {
  const same = heaps.filter((other) => other.name === heap.name);
  return same.length > 1 ? `${heap.name} ${hex(heap.start)}` : heap.name;
}
