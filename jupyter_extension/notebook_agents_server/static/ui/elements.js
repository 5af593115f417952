/** Elements from plain values. Text is always text: nothing here reads HTML. */

import { h } from "./element.js";

export { h };

/**
 * A button with words.
 * @param {string} text
 * @param {() => void} work
 * @param {Record<string, any>} [props]
 */
export function button(text, work, props = {}) {
  return h("button", { type: "button", ...props, on: { click: work } }, text);
}

/**
 * A field with its name in front.
 * @param {string} text
 * @param {HTMLElement} control
 */
export function labelled(text, control) {
  control.setAttribute("aria-label", text);
  return h("label", {}, h("span", {}, text), control);
}

/**
 * A list to choose from.
 * @param {import("./types.js").Choice[]} choices
 * @param {string} value
 * @param {(value: string) => void} chosen
 */
export function select(choices, value, chosen) {
  const known = choices.some((each) => each.value === value) ? choices : [{ value, label: value }, ...choices];
  const options = known.map((each) => h("option", { value: each.value, selected: each.value === value }, each.label));
  const control = h("select", { on: { change: () => chosen(control.value) } }, ...options);
  return control;
}

/**
 * A number for the address of an element.
 * @param {string} prefix
 */
export function unique(prefix) {
  unique.count += 1;
  return `${prefix}-${unique.count}`;
}
unique.count = 0;
