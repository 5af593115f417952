// The switch "Live" of a dashboard: when the kernel is asked to look again, and when not.
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

const PERIOD_MS = 5000;
const listeners = {};
let seeing;

globalThis.document = {
  visibilityState: "visible",
  createElement: () => new FakeElement(),
  addEventListener: (name, listener) => { listeners[name] = listener; },
  removeEventListener: (name) => { delete listeners[name]; },
};
globalThis.requestAnimationFrame = (draw) => draw();
globalThis.IntersectionObserver = class {
  constructor(told) { seeing = (isIntersecting) => told([{ isIntersecting }]); }
  observe() {}
  disconnect() {}
};

class FakeElement {
  dataset = {};
  append() {}
  closest() { return null; }
  addEventListener() {}
}

class FakeModel {
  sent = [];
  traits = { is_live: true, period_ms: PERIOD_MS };
  told = {};
  get(name) { return this.traits[name]; }
  on(name, listener) { this.told[name] = listener; }
  off(name) { delete this.told[name]; }
  send(message) { this.sent.push(message.kind); }
  answer() { this.told["msg:custom"]({ kind: "seen" }); }
}

const { default: widget } = await import(new URL("../../../src/notebook_agents/widgets/static/pulse.js", import.meta.url).href);

function show(state) {
  document.visibilityState = state;
  listeners.visibilitychange();
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setInterval"] });
  document.visibilityState = "visible";
});

test("a beat comes with each period, and the next only after an answer", () => {
  const model = new FakeModel();
  const close = widget.render({ model, el: new FakeElement() });
  mock.timers.tick(3 * PERIOD_MS);
  assert.deepEqual(model.sent, ["beat"]);
  model.answer();
  mock.timers.tick(PERIOD_MS);
  assert.deepEqual(model.sent, ["beat", "beat"]);
  close();
});

test("there are no beats while the page is hidden, and they go on afterwards", () => {
  const model = new FakeModel();
  const close = widget.render({ model, el: new FakeElement() });
  show("hidden");
  mock.timers.tick(10 * PERIOD_MS);
  assert.deepEqual(model.sent, []);
  show("visible");
  mock.timers.tick(PERIOD_MS);
  assert.deepEqual(model.sent, ["beat"]);
  close();
});

test("there are no beats while the panel is scrolled away, or the switch is off", () => {
  const model = new FakeModel();
  const close = widget.render({ model, el: new FakeElement() });
  seeing(false);
  mock.timers.tick(10 * PERIOD_MS);
  seeing(true);
  model.traits.is_live = false;
  model.told["change:is_live"]();
  mock.timers.tick(10 * PERIOD_MS);
  assert.deepEqual(model.sent, []);
  close();
});

test("nothing ticks after the panel is closed", () => {
  const model = new FakeModel();
  widget.render({ model, el: new FakeElement() })();
  mock.timers.tick(10 * PERIOD_MS);
  assert.deepEqual(model.sent, []);
  assert.deepEqual(listeners, {});
});
