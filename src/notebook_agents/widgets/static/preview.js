/**
 * What a dry run found: variables, files, output, pictures and errors, before anything is real.
 *
 * @typedef {import("./types.js").Preview} Preview
 * @typedef {import("./types.js").Change} Change
 */
import { h, icon } from "./dom.js";
import { figureView } from "./figure.js";

const SIGNS = { added: "+", changed: "~", removed: "−" };
const HEADINGS = {
  running: "Trying it in a copy…",
  ran: "If it ran, this would change",
  failed: "Tried in a copy: it fails",
  unavailable: "Not tried before",
};

/**
 * @param {Preview} preview
 * @param {any} rendermime what draws outputs of cells, or nothing
 */
export function previewView(preview, rendermime) {
  const changes = [
    ...changeRows("added", preview.added),
    ...changeRows("changed", preview.changed),
    ...changeRows("removed", preview.removed),
    ...(preview.files ?? []).map((file) => h("li", {}, icon("file"), ` file ${file.path}`, file.text && h("span", { class: "na-dim" }, ` ${file.text}`))),
  ];
  const heading = /** @type {any} */ (HEADINGS)[preview.state] ?? preview.state;
  const isEmpty = preview.state === "ran" && !changes.length && !preview.output && !preview.error && !preview.figures?.length;
  return h(
    "div",
    { class: "na-preview", "data-state": preview.state },
    h("div", { class: "na-part-name" }, heading),
    preview.text && h("p", { class: "na-dim" }, preview.text),
    changes.length > 0 && h("ul", { class: "na-changes" }, ...changes),
    preview.error && h("pre", { class: "na-output na-error", tabindex: "0", role: "region", "aria-label": "Error of the trial" }, preview.error),
    preview.output && h("pre", { class: "na-output", tabindex: "0", role: "region", "aria-label": "Output of the trial" }, preview.output),
    ...(preview.figures ?? []).map((figure) => figureView(figure, rendermime)),
    isEmpty && h("p", { class: "na-dim" }, "Nothing: no variable, file or output."),
  );
}

/**
 * @param {"added" | "changed" | "removed"} sort
 * @param {Change[]} [changes]
 */
function changeRows(sort, changes = []) {
  return changes.map((change) =>
    h("li", { class: `na-change-${sort}` }, h("span", { "aria-hidden": "true" }, `${SIGNS[sort]} `), h("span", { class: "na-offscreen" }, `${sort} `), h("code", {}, change.name), change.text && ` ${change.text}`),
  );
}
