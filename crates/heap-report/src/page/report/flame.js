// Flame graph: the calls through which the live bytes came to be.
//
//   │ all                                          │   a flame graph, upside down: who calls is above,
//   │ main                          │ wifi_task    │   as wide as the bytes that are live through it
//   │ mqtt::publish   │ http::get   │ rx_buffer    │

const FLAME_ROW = 25;
/** Narrower than this share of the width, a call is not drawn. */
const NARROWEST = 0.002;
const flame = { at: "peak", root: "calls", zoom: undefined, tree: undefined };

function makeFlame() {
  byId("flames-note").textContent = data.stacks
    ? "Callers are above, as wide as the bytes that are live through them. Select a call to see it alone; arrow keys go from call to call."
    : `This input has no call stacks, so there is one level: the ${SITE === "call site" ? "call sites" : "size classes"}. Select one to see it alone.`;
  const controls = document.querySelector("#flames .controls");
  const set = (key) => (value) => {
    flame[key] = value;
    flame.zoom = undefined;
    drawFlame();
  };
  controls.append(
    choice(
      "flame-at",
      "At",
      [
        ["peak", "peak"],
        ["end", "end"],
        ["cursor", "cursor"],
      ],
      flame.at,
      set("at"),
    ),
  );
  if (data.owners.length > 1)
    controls.append(
      choice(
        "flame-root",
        "Root",
        [
          ["calls", "calls"],
          ["owners", "owners"],
        ],
        flame.root,
        set("root"),
      ),
    );
  byId("flame-search").addEventListener("input", markFound);
  byId("flame-reset").addEventListener("click", () => zoomTo(flame.tree));
  byId("flame").addEventListener("keydown", walkFlame);
}

const flameSample = () => ({ peak: data.peak.sample, end: last, cursor })[flame.at];

/** All live blocks of the sample as a tree of calls. */
function growTree() {
  const root = node("all", undefined, undefined);
  for (const block of aliveAt(flameSample())) {
    add(root, block);
    let at = root;
    if (flame.root === "owners")
      at = add(child(at, data.owners[block.owners].name, shadeOf(block.owners)), block);
    for (const [name, key] of callsOf(data.sites[block.sites]))
      at = add(child(at, name, at.color, key), block);
  }
  return root;
}
/** [name, what tells it apart], the outermost first. The innermost call has its line. */
function callsOf(site) {
  const frames = stackOf(site);
  if (!frames.length) return [[site.name, site.name]];
  return frames
    .map((frame, index) => {
      const name =
        index === 0 && frame.place ? `${frame.function} · ${fileOf(frame.place)}` : frame.function;
      return [name, index === 0 ? name + frame.place : name];
    })
    .reverse();
}
const fileOf = (place) => place.split("/").pop();
const node = (name, parent, color) => ({
  name,
  parent,
  color,
  bytes: 0,
  blocks: 0,
  children: new Map(),
});
function child(parent, name, color, key = name) {
  if (!parent.children.has(key)) parent.children.set(key, node(name, parent, color));
  return parent.children.get(key);
}
function add(at, block) {
  at.bytes += block.size;
  at.blocks += 1;
  return at;
}

function drawFlame() {
  flame.tree = growTree();
  byId("flame-at").textContent = sampleText(data.blocks.samples[mapSample(flameSample())]);
  zoomTo(flame.tree);
}

function zoomTo(target) {
  flame.zoom = target;
  const boxes = [];
  const path = [];
  for (let at = target.parent; at; at = at.parent) path.unshift(at);
  path.forEach((at, depth) => boxes.push(flameBox(at, 0, 1, depth, true)));
  layOut(target, 0, 1, path.length, boxes);
  const deepest = Math.max(...boxes.map((box) => box.depth));
  byId("flame").style.height = `${(deepest + 1) * FLAME_ROW}px`;
  byId("flame").replaceChildren(...boxes);
  boxes.forEach((box) => (box.tabIndex = -1));
  boxes.find((box) => box.node === target).tabIndex = 0;
  byId("flame-reset").hidden = target === flame.tree;
  describeFlame(target);
  markFound();
}

/** A box for `at` and those below it that are wide enough. */
function layOut(at, left, width, depth, boxes) {
  boxes.push(flameBox(at, left, width, depth, false));
  let from = left;
  for (const below of [...at.children.values()].sort((one, other) => other.bytes - one.bytes)) {
    const share = at.bytes ? (width * below.bytes) / at.bytes : 0;
    if (share >= NARROWEST) layOut(below, from, share, depth + 1, boxes);
    from += share;
  }
}

function flameBox(at, left, width, depth, isAbove) {
  const isReadable = width * byId("flame").clientWidth > 26;
  const box = make(
    "button",
    { type: "button", class: isAbove ? "above" : "", "aria-label": flameText(at) },
    isReadable ? at.name : "",
  );
  const place = `left:${left * 100}%;width:${width * 100}%;top:${depth * FLAME_ROW}px;`;
  box.style.cssText =
    place +
    (at.color
      ? `background:color-mix(in srgb, var(--${at.color}) ${at.parent.color ? 45 : 70}%, var(--card))`
      : `--hue:${hueOf(at.name)}`);
  Object.assign(box, { node: at, depth, left });
  box.addEventListener("click", () => {
    zoomTo(at);
    focusOn(at);
  });
  box.addEventListener("focus", () => describeFlame(at));
  box.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") showTip(event, [at.name, flameFigures(at)]);
  });
  box.addEventListener("pointerleave", hideTip);
  return box;
}
/** Calls of the same crate or file have the same warm color. */
function hueOf(name) {
  let sum = 7;
  for (const character of name.split(/::|:| /)[0]) sum = (sum * 31 + character.charCodeAt(0)) % 997;
  return 8 + (sum % 44);
}
const flameFigures = (at) =>
  `${size(at.bytes)} in ${several(at.blocks, "block")}, ${percent(flame.tree.bytes ? at.bytes / flame.tree.bytes : 0)} of what is live`;
const flameText = (at) => `${at.name}: ${flameFigures(at)}`;
function describeFlame(at) {
  byId("flame-detail").replaceChildren(make("b", {}, at.name), ` ${flameFigures(at)}`);
}

const flameBoxes = () => [...byId("flame").children];
function focusOn(at) {
  const box = flameBoxes().find((box) => box.node === at);
  if (!box) return;
  flameBoxes().forEach((other) => (other.tabIndex = -1));
  box.tabIndex = 0;
  box.focus({ preventScroll: true });
}

/** Arrow keys: up to the caller, down to the widest callee, left and right to its neighbours. */
function walkFlame(event) {
  const at = document.activeElement;
  const beside = (step) => {
    const row = flameBoxes()
      .filter((box) => box.depth === at.depth)
      .sort((one, other) => one.left - other.left);
    return row[row.indexOf(at) + step];
  };
  const found = {
    ArrowUp: () => at.node.parent,
    ArrowDown: () => flameBoxes().find((box) => box.node.parent === at.node)?.node,
    ArrowLeft: () => beside(-1)?.node,
    ArrowRight: () => beside(1)?.node,
    Escape: () => (zoomTo(flame.tree), flame.tree),
  }[event.key];
  if (!found || !at.node) return;
  event.preventDefault();
  const next = found();
  if (next) focusOn(next);
}

/** Shows which calls have the words that are searched, and how much is live through them. */
function markFound() {
  const wanted = byId("flame-search").value.trim().toLowerCase();
  for (const box of flameBoxes()) {
    const isFound = wanted !== "" && box.node.name.toLowerCase().includes(wanted);
    box.classList.toggle("found", isFound);
    box.classList.toggle("passed", wanted !== "" && !isFound);
  }
  const bytes = wanted === "" ? 0 : foundBytes(flame.tree, wanted);
  byId("flame-found").textContent =
    wanted === ""
      ? ""
      : `${size(bytes)}, ${percent(flame.tree.bytes ? bytes / flame.tree.bytes : 0)} of what is live`;
}
/** The outermost ones that are found: what is below them is in them. */
function foundBytes(at, wanted) {
  if (at.name.toLowerCase().includes(wanted)) return at.bytes;
  return [...at.children.values()].reduce((sum, below) => sum + foundBytes(below, wanted), 0);
}
