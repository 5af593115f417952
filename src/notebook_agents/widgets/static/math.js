/**
 * Formulas stay as they are written, so that `_` and `*` in them are no emphasis; a MathJax of the
 * page, where there is one, draws them when the text has come to rest.
 */
const BLOCK = /^(?:\$\$[\s\S]{1,4000}?\$\$|\\\[[\s\S]{1,4000}?\\\])/;
const INLINE = /^(?:\$\$[^$]{1,4000}?\$\$|\$(?![\s\d$])(?:\\.|[^$\\\n]){0,400}?[^\s\\]\$(?!\d)|\$\d(?:\\.|[^$\\\n]){0,400}?[=^_+*/<>\\](?:\\.|[^$\\\n]){0,400}?\$(?!\d)|\\\([\s\S]{1,4000}?\\\)|\\\[[\s\S]{1,4000}?\\\])/;
const STARTS = { block: /(?<=\n)(?:\$\$|\\\[)/, inline: /\$|\\\(|\\\[/ };

/** @param {string} text */
function escaped(text) {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/**
 * @param {string} name
 * @param {"block" | "inline"} level
 * @param {RegExp} rule
 */
function formula(name, level, rule) {
  return {
    name,
    level,
    /** @param {string} source */
    start: (source) => {
      const at = source.search(STARTS[level]);
      return at < 0 ? undefined : at;
    },
    /** @param {string} source */
    tokenizer: (source) => {
      const found = rule.exec(source);
      return found ? { type: name, raw: found[0], text: found[0] } : undefined;
    },
    /** @param {{ text: string }} token */
    renderer: (token) => (level === "block" ? `<p>${escaped(token.text)}</p>` : `<span>${escaped(token.text)}</span>`),
  };
}

export const mathRules = { extensions: [formula("mathBlock", "block", BLOCK), formula("mathInline", "inline", INLINE)] };

/**
 * Draw formulas with the page's MathJax, if it has one.
 * @param {HTMLElement} element
 */
export function typeset(element) {
  const mathJax = /** @type {any} */ (globalThis).MathJax;
  if (!mathJax || !/\$|\\\(|\\\[/.test(element.textContent ?? "")) return;
  if (mathJax.typesetPromise) mathJax.typesetPromise([element]).catch(() => {});
  else mathJax.Hub?.Queue?.(["Typeset", mathJax.Hub, element]);
}
