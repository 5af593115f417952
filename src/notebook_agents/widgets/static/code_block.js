/**
 * Code with its language and what can be done with it.
 *
 * @typedef {{ run?: (action: string, code: string, language: string) => void, offers?: () => string[], say?: (text: string) => void }} CodeActions
 */
import { button, h } from "./dom.js";
import { highlight } from "./highlighting.js";

const PLACES = [
  ["insert_above", "Insert above", "above"],
  ["insert_below", "Insert below", "below"],
  ["replace_cell", "Replace cell", "replace"],
];

/**
 * @param {string} text
 * @param {string} language
 * @param {CodeActions} [actions]
 */
export function codeBlock(text, language, actions = {}) {
  const code = h("code", { class: "na-code-text" });
  const bar = h("div", { class: "na-code-bar" }, h("span", { class: "na-code-language" }, language || "text"));
  const shown = { text };
  bar.append(button("copy", "Copy code", () => void copy(shown.text, actions), { class: "na-quiet" }));
  const offers = actions.offers?.() ?? [];
  for (const [offer, label, where] of PLACES) {
    if (!offers.includes(offer)) continue;
    bar.append(button("insert", label, () => actions.run?.(where, shown.text, language), { class: "na-quiet", text: label }));
  }
  const pre = h("pre", { tabindex: "0", role: "region", "aria-label": language ? `${language} code` : "Code" }, code);
  const element = h("div", { class: "na-code" }, bar, pre);
  highlight(code, text, language);
  return {
    element,
    language,
    /**
     * @param {string} newText
     * @param {boolean} inColour
     */
    update(newText, inColour) {
      shown.text = newText;
      if (inColour) highlight(code, newText, language);
      else code.textContent = newText;
    },
  };
}

/**
 * @param {string} text
 * @param {CodeActions} actions
 */
export async function copy(text, actions) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without permission or on a page without TLS: the old way.
    const field = h("textarea", { class: "na-offscreen", value: text });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  actions.say?.("Copied");
}
