// The cursor: the sample that the page shows, and the ways to another.
//
// A page that uses this has `timeline`: {count, position(sample) from 0 to 1, labels() as
// [position, text], unit()}, and showSample(), which draws what belongs to the sample `cursor`.

let cursor = 0;
let timer;

function moveTo(sample) {
  cursor = Math.max(0, Math.min(timeline.count - 1, sample));
  byId("slider").value = cursor;
  showSample();
}

/** The sample next to a position from 0 to 1. */
function sampleAt(position) {
  let [first, last] = [0, timeline.count - 1];
  while (last - first > 1) {
    const middle = (first + last) >> 1;
    if (timeline.position(middle) <= position) first = middle;
    else last = middle;
  }
  return position - timeline.position(first) < timeline.position(last) - position ? first : last;
}

/** Moves the cursor with the pointer; `describe(x, y)` (0 to 1) may give the lines of a tip. */
function follow(plot, describe, margins = { left: 0, right: 0 }) {
  const at = (event) => {
    const box = plot.getBoundingClientRect();
    const width = box.width - margins.left - margins.right;
    const inside = (share) => Math.max(0, Math.min(1, share));
    return [
      inside((event.clientX - box.left - margins.left) / width),
      Math.min(0.9999, inside((event.clientY - box.top) / box.height)),
    ];
  };
  const act = (event) => {
    stop();
    const [x, y] = at(event);
    moveTo(sampleAt(x));
    if (describe) showTip(event, describe(x, y));
  };
  plot.addEventListener("pointerdown", act);
  plot.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" || event.buttons) act(event);
  });
  plot.addEventListener("pointerleave", hideTip);
}

/** `lines`: a title, and texts below. */
function showTip(event, lines) {
  const tip = byId("tip");
  tip.hidden = false;
  tip.replaceChildren(
    make("b", {}, lines[0]),
    ...lines.slice(1).flatMap((line) => [make("br"), line]),
  );
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(window.innerWidth - box.width - 6, event.clientX + 14))}px`;
  tip.style.top = `${event.clientY > box.height + 30 ? event.clientY - box.height - 14 : event.clientY + 18}px`;
}
function hideTip() {
  byId("tip").hidden = true;
}

const ICONS = { play: "M2 0 L14 7 L2 14 Z", pause: "M1 0h4v14h-4z M9 0h4v14h-4z" };
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
  if (cursor >= timeline.count - 1) moveTo(0);
  showIcon("pause");
  timer = setInterval(() => (cursor >= timeline.count - 1 ? stop() : moveTo(cursor + 1)), 60);
}

/**
 * Makes slider and button work, and begins at `sample`; `redraw` redraws what depends on width and
 * colors.
 */
function startCursor(sample, redraw) {
  cursor = sample;
  byId("slider").max = timeline.count - 1;
  byId("slider").addEventListener("input", (event) => {
    stop();
    moveTo(Number(event.target.value));
  });
  byId("play").addEventListener("click", () => (timer ? stop() : start()));
  const fit = () => {
    redraw();
    keepInSight();
  };
  window.addEventListener("resize", fit);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  stop();
  fit();
}

/** What is scrolled to, or has the focus, does not come to lie behind the bar at the bottom. */
function keepInSight() {
  document.documentElement.style.scrollPaddingBottom = `${byId("player").offsetHeight + 12}px`;
}
