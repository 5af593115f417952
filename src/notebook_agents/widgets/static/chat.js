/**
 * The chat widget's module, as anywidget loads it.
 *
 * @typedef {import("./types.js").Model} Model
 * @typedef {import("./types.js").Host} Host
 */
import { ChatPanel } from "./chat_panel.js";

/**
 * @param {{ model: Model, el: HTMLElement, host?: Host }} view
 * @returns {() => void} what ends the view
 */
function render({ model, el, host }) {
  const panel = new ChatPanel(model, host ?? null);
  panel.attach(el);
  return () => panel.close();
}

const widget = { render };
export default widget;
