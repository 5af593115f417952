/**
 * A figure in a conversation: a picture, or another widget such as an interactive plot.
 *
 * SVG is shown as a picture, in which no script runs.
 *
 * @typedef {import("./types.js").FigureBlock} FigureBlock
 * @typedef {import("./types.js").Host} Host
 */
import { h } from "./dom.js";

const PICTURES = /^image\/(?:png|jpeg|gif|webp)$/;
const BASE64 = /^[A-Za-z0-9+/=\s]*$/;

/**
 * @param {FigureBlock} figure
 * @param {Host | null} host
 */
export function figureView(figure, host) {
  const label = figure.label || "Figure";
  const body = h("div", { class: "na-figure-body" });
  const element = h("figure", { class: "na-figure" }, body, h("figcaption", {}, label));
  if (figure.widget && host) {
    host
      .getWidget(figure.widget)
      .then((widget) => widget.render({ el: body }))
      .catch(() => drawPicture(body, figure, label));
  } else drawPicture(body, figure, label);
  return element;
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
