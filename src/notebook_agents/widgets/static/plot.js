/**
 * A chart that a kernel draws and draws again: a click on it, or the Enter key, is told to the kernel.
 *
 * The library of charts comes from the kernel too, once for a page, so that nothing is asked of a
 * network. A chart is drawn when it comes into sight, and changed in place: what was zoomed or
 * hidden stays so.
 *
 * @typedef {import("./types.js").Model} Model
 */
import { ChartKeys } from "../../dashboards/static/chart_keys.js";

const LIBRARY_NAME = "notebookAgentsPlotly";
const WAIT_MS = 60_000;
const OPTIONS = { displaylogo: false, showSendToCloud: false, responsive: true };

/**
 * The library, asked of the first kernel that has a chart on this page.
 * @param {Model} model
 * @returns {Promise<any>}
 */
function plotly(model) {
  const page = /** @type {any} */ (globalThis);
  page[LIBRARY_NAME] ??= asked(model).catch((error) => {
    page[LIBRARY_NAME] = undefined;
    throw error;
  });
  return page[LIBRARY_NAME];
}

/** @param {Model} model */
async function asked(model) {
  const code = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the kernel does not answer")), WAIT_MS);
    model.on("msg:custom", (/** @type {any} */ message, /** @type {DataView[]} */ buffers) => {
      if (message?.kind !== "library") return;
      clearTimeout(timer);
      resolve(buffers[0]);
    });
    model.send({ kind: "library" });
  });
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  try {
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.onload = resolve;
      script.onerror = () => reject(new Error("this page does not let charts be drawn"));
      script.src = address;
      document.head.append(script);
    });
  } finally {
    URL.revokeObjectURL(address);
  }
  return /** @type {any} */ (globalThis).Plotly;
}

/** @param {{ model: Model, el: HTMLElement }} view */
function render({ model, el }) {
  const keys = new ChartKeys((wish) => model.send({ kind: "click", wish }));
  const plot = keys.plot;
  el.classList.add("na-plot");
  el.setAttribute("role", "figure");
  el.append(keys.element);
  let isSeen = false;
  let isClosed = false;

  const size = () => {
    plot.style.minHeight = `${model.get("figure")?.layout?.height ?? 0}px`;
    el.setAttribute("aria-label", model.get("label"));
    keys.name(model.get("title"));
  };
  const draw = async () => {
    size();
    const figure = model.get("figure");
    if (!isSeen || !figure?.data) return;
    try {
      const library = await plotly(model);
      if (isClosed) return;
      await library.react(plot, structuredClone(figure.data), structuredClone(figure.layout), OPTIONS);
      keys.drawn();
    } catch (error) {
      keys.refuse(`The chart cannot be drawn: ${error instanceof Error ? error.message : error}. Its table has the same numbers.`);
    }
  };
  const sight = new IntersectionObserver((entries) => {
    if (isSeen || !entries.some((entry) => entry.isIntersecting)) return;
    isSeen = true;
    draw();
  }, { rootMargin: "400px" });
  const download = (/** @type {any} */ message, /** @type {DataView[]} */ buffers) => {
    if (message?.kind === "file") save(message.name, message.type, buffers[0]);
  };
  model.on("change:figure", draw);
  model.on("change:label", size);
  model.on("msg:custom", download);
  size();
  sight.observe(plot);
  return () => {
    isClosed = true;
    sight.disconnect();
    model.off("change:figure", draw);
    model.off("change:label", size);
    model.off("msg:custom", download);
    /** @type {any} */ (globalThis).Plotly?.purge(plot);
  };
}

/**
 * Save a file that the kernel made.
 * @param {string} name
 * @param {string} type
 * @param {DataView} content
 */
function save(name, type, content) {
  const address = URL.createObjectURL(new Blob([/** @type {any} */ (content)], { type }));
  const link = document.createElement("a");
  link.download = name;
  link.href = address;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), WAIT_MS);
}

const widget = { render };
export default widget;
