/**
 * The heading of what was opened out of something else: the focus goes to it, and back on Close.
 *
 * A run that a chart opens stands far below it. Whoever works by keyboard, or hears the page, would
 * not learn that it is there.
 *
 * @typedef {import("./types.js").Model} Model
 */
import { h } from "./dom.js";

/** @param {{ model: Model, el: HTMLElement }} view */
function render({ model, el }) {
  const before = document.activeElement;
  const heading = h("h3", { tabindex: "-1" }, model.get("title"));
  const close = () => {
    if (before instanceof HTMLElement && before.isConnected) before.focus();
    model.send({ kind: "close" });
  };
  const button = h("button", { type: "button", class: "jupyter-button", on: { click: close } }, "Close");
  el.classList.add("na-opened");
  el.append(heading, button);
  if (!model.get("takes_focus")) return;
  requestAnimationFrame(() => {  // by then it stands in the page
    heading.focus();
    heading.scrollIntoView({ block: "start" });
  });
}

const widget = { render };
export default widget;
