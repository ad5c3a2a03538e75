//! Layout checks: nothing on a page lies over something else, or beyond the screen.

use super::Page;

/// Texts whose letters overlap, but for those of the flame graph, which are cut where a box ends.
const COLLISIONS: &str = r"(() => {
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const holder = node.parentElement;
    if (!node.textContent.trim() || !holder.checkVisibility() || holder.closest('#flame, #player, #tip, script, style')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) if (box.width > 1) texts.push({ text: node.textContent, box });
  }
  const shared = (one, other, from, to) => Math.min(one[to], other[to]) - Math.max(one[from], other[from]);
  const collide = ({ box: one }, { box: other }) =>
    shared(one, other, 'left', 'right') > 1 && shared(one, other, 'top', 'bottom') > 0.3 * Math.min(one.height, other.height);
  return texts.flatMap((one, index) => texts.slice(index + 1).filter((other) => collide(one, other)).map((other) => `${one.text} | ${other.text}`));
})()";

/// What has to be scrolled sideways to be seen.
const SIDEWAYS: &str = r"(() => {
  const scrolls = (node) => ['auto', 'scroll'].includes(getComputedStyle(node).overflowX) && node.scrollWidth > node.clientWidth + 1;
  const isWider = (node) => node.tagName === 'TABLE' && node.getBoundingClientRect().right > node.parentElement.getBoundingClientRect().right + 1;
  return [...document.querySelectorAll('main *')].filter((node) => scrolls(node) || isWider(node)).map((node) => node.outerHTML.slice(0, 80));
})()";

/// What stays behind the bar at the bottom when it gets the focus, when it is a section that a link
/// leads to, or at the end of the page.
const COVERED: &str = r"(() => {
  const bar = () => document.getElementById('player').getBoundingClientRect().top;
  const height = (node) => node.getBoundingClientRect().height;
  const found = [];
  const see = (node, part) => {
    if (part > bar() + 1) found.push(node.outerHTML.slice(0, 80));
  };
  for (const node of document.querySelectorAll('main a[href], main button, main input, main summary, main canvas[tabindex]')) {
    if (!node.checkVisibility() || height(node) > bar()) continue;
    window.scrollTo({ top: 0, behavior: 'instant' });
    node.focus();
    see(node, node.getBoundingClientRect().bottom);
  }
  document.activeElement.blur();
  for (const section of document.querySelectorAll('main > section')) {
    if (!section.checkVisibility()) continue;
    section.scrollIntoView({ block: 'start', behavior: 'instant' });
    see(section, section.getBoundingClientRect().top + 40);
  }
  window.scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' });
  const last = [...document.querySelectorAll('main *')].filter((node) => node.checkVisibility()).at(-1);
  see(last, last.getBoundingClientRect().bottom);
  window.scrollTo({ top: 0, behavior: 'instant' });
  return found;
})()";

impl Page<'_> {
    /// Pairs of texts that run into each other.
    pub fn collisions(&mut self) -> Vec<String> {
        self.list(COLLISIONS)
    }

    /// Elements that have to be scrolled sideways.
    pub fn sideways(&mut self) -> Vec<String> {
        self.list(SIDEWAYS)
    }

    /// Elements that the bar at the bottom covers although a person wants to see them.
    pub fn covered(&mut self) -> Vec<String> {
        self.list(COVERED)
    }

    fn list(&mut self, expression: &str) -> Vec<String> {
        serde_json::from_value(self.value(expression)).unwrap()
    }
}
