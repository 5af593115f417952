/** A unified diff: what goes and what comes is said by signs and words as well as by colour. */
import { h } from "./dom.js";

/**
 * The lines of a diff, each with its sort.
 * @param {string} diff
 * @returns {{ sort: "head" | "place" | "added" | "removed" | "same", text: string }[]}
 */
export function diffLines(diff) {
  /** @type {ReturnType<typeof diffLines>} */
  const lines = [];
  let isInside = false;
  for (const text of diff.replace(/\n$/, "").split("\n")) {
    if (text.startsWith("@@")) {
      isInside = true;
      lines.push({ sort: "place", text });
    } else if (!isInside && /^(?:---|\+\+\+|diff |index )/.test(text)) lines.push({ sort: "head", text });
    else if (text.startsWith("+")) lines.push({ sort: "added", text });
    else if (text.startsWith("-")) lines.push({ sort: "removed", text });
    else lines.push({ sort: "same", text });
  }
  return lines;
}

/** @param {string} diff */
export function diffView(diff) {
  const lines = diffLines(diff);
  const n = (/** @type {string} */ sort) => lines.filter((line) => line.sort === sort).length;
  const words = { added: "added: ", removed: "removed: " };
  const shown = lines.map((line) =>
    h(
      "span",
      { class: `na-diff-line na-diff-${line.sort}` },
      line.sort in words && h("span", { class: "na-offscreen" }, /** @type {any} */ (words)[line.sort]),
      `${line.text}\n`,
    ),
  );
  const label = `Changes: lines added: ${n("added")}, removed: ${n("removed")}`;
  return h("figure", { class: "na-diff" }, h("figcaption", {}, label), h("pre", { tabindex: "0", role: "region", "aria-label": label }, ...shown));
}
