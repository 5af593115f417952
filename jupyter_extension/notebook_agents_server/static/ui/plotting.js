/** Figures in the colours of the page, drawn when they come into sight. */

import { ChartKeys } from "./chart_keys.js";
import { h } from "./elements.js";

/** @type {Promise<any> | undefined} */
let loading;

/** Plotly, once for all charts. */
function plotly() {
  const known = /** @type {any} */ (window).Plotly;
  if (known) return Promise.resolve(known);
  loading ??= new Promise((resolve, reject) => {
    const ahead = /** @type {HTMLLinkElement} */ (document.getElementById("plotly"));
    const script = h("script", { src: ahead.href });
    script.addEventListener("load", () => resolve(/** @type {any} */ (window).Plotly));
    script.addEventListener("error", () => reject(new Error("The charts could not be loaded; the tables show the same numbers.")));
    document.head.append(script);
  });
  return loading;
}

/** Make ready to draw, while the server is asked what; who draws is told of errors. */
export function prepare() {
  plotly().catch(() => undefined);
}

/** @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * A layout in the colours of the page.
 * @param {Record<string, any>} layout
 */
function themed(layout) {
  const line = colour("--line");
  const own = structuredClone(layout);
  own.font = { ...own.font, color: colour("--text"), family: "system-ui, sans-serif", size: 12 };
  own.paper_bgcolor = own.plot_bgcolor = "rgba(0,0,0,0)";
  own.hoverlabel = { bgcolor: colour("--raised"), bordercolor: colour("--border"), font: { color: colour("--text") } };
  own.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("--dim"), activecolor: colour("--accent") };
  own.uirevision ??= "kept";
  own.autosize = true;
  delete own.width;
  for (const name of Object.keys(own).filter((each) => /^[xy]axis\d*$/.test(each))) {
    own[name] = { ...own[name], gridcolor: line, zerolinecolor: line, linecolor: line };
  }
  return own;
}

const CONFIG = { displaylogo: false, responsive: true, showSendToCloud: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] };

/** A place for one figure. */
export class Plot {
  /** @param {(custom: Record<string, any>) => void} clicked */
  constructor(clicked) {
    this.keys = new ChartKeys(clicked);
    this.element = h("div", { class: "plot", role: "figure" }, this.keys.element);
    /** @type {import("./types.js").Figure | null} */
    this.figure = null;
    this.isInSight = false;
    this.observer = new IntersectionObserver((entries) => this.see(entries), { rootMargin: "300px" });
    this.observer.observe(this.element);
    document.addEventListener("theme", () => void this.draw());
  }

  /**
   * Show a figure, in place of the one before: zoom and hidden series stay as they are.
   * @param {import("./types.js").Figure} figure
   * @param {string} title
   * @param {string} about what it shows, in words
   */
  async show(figure, title, about) {
    this.figure = figure;
    this.element.style.minHeight = `${figure.layout.height ?? 260}px`;
    this.element.setAttribute("aria-label", `${title}. ${about}`);
    this.keys.name(title);
    await this.draw();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  see(entries) {
    this.isInSight = entries[entries.length - 1].isIntersecting;
    if (this.isInSight && this.isStale) void this.draw();
  }

  isStale = false;

  async draw() {
    this.isStale = true;
    if (!this.figure || !this.isInSight || !this.element.isConnected) return;
    this.isStale = false;
    let drawing;
    try {
      drawing = await plotly();
    } catch (error) {
      this.keys.refuse(/** @type {Error} */ (error).message);
      return;
    }
    await drawing.react(this.keys.plot, this.figure.data, themed(this.figure.layout), CONFIG);
    this.keys.drawn();
  }
}
