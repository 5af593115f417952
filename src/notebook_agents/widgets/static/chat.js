/**
 * The chat widget's module, as anywidget loads it.
 *
 * @typedef {import("./types.js").Model} Model
 */
import { ChatPanel } from "./chat_panel.js";

/**
 * @param {{ model: Model, el: HTMLElement }} view
 * @returns {() => void} what ends the view
 */
function render({ model, el }) {
  const panel = new ChatPanel(model);
  panel.attach(el);
  return () => panel.close();
}

const widget = { render };
export default widget;
