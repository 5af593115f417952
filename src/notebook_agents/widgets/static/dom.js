/** Elements from plain values. Text is always text: nothing here reads HTML. */
import { h } from "../../dashboards/static/element.js";

const SVG = "http://www.w3.org/2000/svg";

export { h };

/** Outlines on a 16×16 grid. */
const ICONS = {
  send: "M2 8l12-6-4 12-3-5z",
  stop: "M4 4h8v8H4z",
  plus: "M8 3v10M3 8h10",
  list: "M3 4h10M3 8h10M3 12h10",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M6 6h7v7H6zM3 10V3h7",
  insert: "M8 3v7M5 7l3 3 3-3M3 13h10",
  edit: "M3 13l1-3 7-7 2 2-7 7z",
  fork: "M4 2v12M4 10c0-4 8-2 8-7M9.500 5.500L12 3l2.500 2.500",
  hide: "M2 8c3-5 9-5 12 0-3 5-9 5-12 0zM3 13L13 3",
  show: "M2 8c3-5 9-5 12 0-3 5-9 5-12 0zM8 7v2",
  good: "M2 7h3v7H2zM5 8l3-6c2 0 2 2 1 4h5l-1 8H5",
  bad: "M2 2h3v7H2zM5 8l3 6c2 0 2-2 1-4h5l-1-8H5",
  undo: "M6 4L3 7l3 3M3 7h6a4 4 0 0 1 0 7H7",
  down: "M8 3v10M4 9l4 4 4-4",
  attach: "M11 5l-5 5a1.5 1.5 0 0 0 2 2l5-5a3 3 0 0 0-4-4L4 8a4.500 4.500 0 0 0 6 6",
  export: "M8 10V2M5 5l3-3 3 3M3 10v4h10v-4",
  warning: "M8 2l7 12H1zM8 6v4M8 12v.5",
  running: "M8 2a6 6 0 1 1-6 6",
  waiting: "M8 4v4l3 2M8 2a6 6 0 1 0 .01 0z",
  done: "M3 8l3 4 7-8",
  failed: "M4 4l8 8M12 4l-8 8",
  denied: "M8 2a6 6 0 1 0 .01 0zM4 4l8 8",
  chevron: "M6 4l4 4-4 4",
  tool: "M10 2a4 4 0 0 0-4 5l-4 4 3 3 4-4a4 4 0 0 0 5-5l-3 2-2-2z",
  code: "M5 4L1 8l4 4M11 4l4 4-4 4",
  file: "M4 2h6l3 3v9H4zM9 2v4h4",
  trash: "M3 4h10M6 4V2h4v2M4 4l1 10h6l1-10",
  image: "M2 3h12v10H2zM2 11l4-4 3 3 2-2 3 3",
};

/**
 * A picture for eyes only: what it means is always said in words too.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `na-icon na-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", /** @type {Record<string, string>} */ (ICONS)[name] ?? ICONS.tool);
  svg.append(path);
  return svg;
}

/**
 * A button with an icon, a name that is spoken, and perhaps a visible word.
 * @param {string} iconName
 * @param {string} label
 * @param {(event: MouseEvent) => void} onClick
 * @param {{ text?: string, class?: string, [attribute: string]: any }} [props]
 */
export function button(iconName, label, onClick, props = {}) {
  const { text, class: className = "", ...rest } = props;
  return h(
    "button",
    { type: "button", class: `na-button ${className}`.trim(), "aria-label": label, title: label, on: { click: onClick }, ...rest },
    iconName && /** @type {any} */ (icon(iconName)),
    text && h("span", { class: "na-button-text" }, text),
  );
}

/** Ids that are given up for lasting ones: of what is sent or written just now. */
const PASSING = /^(?:live-|sending )/;

/**
 * Keep children in the order of entries: one view per entry, made once, updated when it is still there.
 *
 * An entry whose id is new takes over the view at its place when that one had a passing id, its own
 * entry is gone and it is of the same sort: what gets a lasting id is not drawn anew.
 * @template T
 * @template {{ element: HTMLElement, update(entry: T): void, close?(): void, sort: string }} V
 * @param {HTMLElement} parent
 * @param {Map<string, V>} views
 * @param {{ id: string, sort: string, entry: T }[]} wanted
 * @param {(entry: T) => V} make
 */
export function reconcile(parent, views, wanted, make) {
  const ids = new Set(wanted.map((each) => each.id));
  const before = [...views.entries()];
  views.clear();
  /** @type {Set<V>} */
  const kept = new Set();
  const known = new Map(before);
  wanted.forEach(({ id, sort, entry }, place) => {
    let view = known.get(id);
    const there = before[place];
    const isFree = there && PASSING.test(there[0]) && !ids.has(there[0]) && !kept.has(there[1]);
    if (!view && isFree && there[1].sort === sort) view = there[1];
    if (view && view.sort === sort) view.update(entry);
    else view = make(entry);
    kept.add(view);
    views.set(id, view);
    const at = parent.children[place];
    if (at !== view.element) parent.insertBefore(view.element, at ?? null);
  });
  for (const [, view] of before) {
    if (kept.has(view)) continue;
    view.element.remove();
    view.close?.();
  }
}

/** @param {number} n */
export function count(n) {
  return n.toLocaleString("en-US");
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds > 0 && seconds < 0.1) return `${Math.ceil(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 && !Number.isInteger(seconds) ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
