// A page around the chat widget's module, with a kernel that a test plays by hand.
// `model.receive(message)` is what the kernel sends; `model.sent` is what the page asked for.
import widget from "./chat.js";

const listeners = new Map();
export const model = {
  sent: [],
  traits: { state: {}, settings: {} },
  get: (name) => model.traits[name],
  send: (message, _callbacks, buffers) => model.sent.push({ ...message, sizes: (buffers ?? []).map((each) => each.byteLength) }),
  on: (event, callback) => listeners.set(event, [...(listeners.get(event) ?? []), callback]),
  off: (event, callback) => listeners.set(event, (listeners.get(event) ?? []).filter((each) => each !== callback)),
  receive: (message) => (listeners.get("msg:custom") ?? []).forEach((each) => each(message)),
  seq: 0,
  snapshot: (state) => model.receive({ kind: "snapshot", seq: (model.seq += 1), state }),
  delta: (...ops) => model.receive({ kind: "delta", seq: (model.seq += 1), ops }),
};
class Renderer {
  static attach(renderer, place) {
    place.append(renderer.node);
  }
  node = document.createElement("div");
  async renderModel(output) {
    const [plot] = Object.values(output.data);
    this.node.textContent = `a plot of ${plot.data[0].type}`;
  }
}
model.widget_manager = { rendermime: { createRenderer: () => new Renderer(), createModel: (output) => output } };
globalThis.model = model;
globalThis.show = () => widget.render({ model, el: document.getElementById("place") });
globalThis.end = globalThis.show();
