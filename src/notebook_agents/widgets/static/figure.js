/**
 * A figure in a conversation: a picture, or an interactive plot.
 *
 * SVG is shown as a picture, in which no script runs. Plots are drawn by what draws the outputs of
 * cells, where the front end lets it be reached: JupyterLab and Notebook 7.
 *
 * @typedef {import("./types.js").FigureBlock} FigureBlock
 */
import { h } from "./dom.js";

const PLOTLY = "application/vnd.plotly.v1+json";
const PLOTLY_CONFIG = { showSendToCloud: false, displaylogo: false, responsive: true };
const PICTURES = /^image\/(?:png|jpeg|gif|webp)$/;
const BASE64 = /^[A-Za-z0-9+/=\s]*$/;

/**
 * @param {FigureBlock} figure
 * @param {any} rendermime what draws outputs of cells, or nothing
 */
export function figureView(figure, rendermime) {
  const label = figure.label || "Figure";
  const body = h("div", { class: "na-figure-body" });
  const element = h("figure", { class: "na-figure" }, body, h("figcaption", {}, label));
  if (figure.media_type === PLOTLY && rendermime) drawPlot(body, figure, rendermime).catch(() => drawPicture(body, figure, label));
  else drawPicture(body, figure, label);
  return element;
}

/**
 * @param {HTMLElement} body
 * @param {FigureBlock} figure
 * @param {any} rendermime
 */
async function drawPlot(body, figure, rendermime) {
  const plot = { ...JSON.parse(figure.content ?? ""), config: PLOTLY_CONFIG };
  const renderer = rendermime.createRenderer(PLOTLY);
  body.classList.add("is-plot");
  await new Promise((ready) => requestAnimationFrame(ready));
  // The renderer is a widget of the page's own toolkit, which must know that it is in the page.
  if (body.isConnected) renderer.constructor.attach(renderer, body);
  else body.append(renderer.node);
  await renderer.renderModel(rendermime.createModel({ data: { [PLOTLY]: plot } }));
}

/**
 * The address of a picture, or nothing when it is of a kind that is not shown.
 * @param {FigureBlock} figure
 */
export function pictureSource(figure) {
  const content = figure.content ?? "";
  if (figure.media_type === "image/svg+xml") return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(content)}`;
  if (PICTURES.test(figure.media_type ?? "") && content && BASE64.test(content)) return `data:${figure.media_type};base64,${content}`;
  return "";
}

/**
 * @param {HTMLElement} body
 * @param {FigureBlock} figure
 * @param {string} label
 */
function drawPicture(body, figure, label) {
  const source = pictureSource(figure);
  if (source) body.replaceChildren(h("img", { src: source, alt: label }));
  else if (figure.media_type === "text/table") body.replaceChildren(h("pre", { tabindex: "0" }, figure.content ?? ""));
  else body.replaceChildren(h("p", { class: "na-dim" }, figure.output_note || "This figure cannot be shown here."));
}
