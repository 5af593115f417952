/** Colours for code: spans around text that was escaped by the highlighter. */
import highlighter from "./vendor/highlight.js";
import bash from "./vendor/highlight_bash.js";
import javascript from "./vendor/highlight_javascript.js";
import json from "./vendor/highlight_json.js";
import markdown from "./vendor/highlight_markdown.js";
import python from "./vendor/highlight_python.js";
import r from "./vendor/highlight_r.js";
import sql from "./vendor/highlight_sql.js";
import yaml from "./vendor/highlight_yaml.js";

const MAX_CHARS = 60_000;
const GRAMMARS = { bash, javascript, json, markdown, python, r, sql, yaml };
const ALIASES = { py: "python", python3: "python", ipython: "python", sh: "bash", shell: "bash", console: "bash", js: "javascript", ts: "javascript", yml: "yaml", md: "markdown" };

for (const [name, grammar] of Object.entries(GRAMMARS)) highlighter.registerLanguage(name, grammar);

/**
 * Show code in an element, in colour when its language is known.
 * @param {HTMLElement} element
 * @param {string} text
 * @param {string} language
 */
export function highlight(element, text, language) {
  const name = /** @type {Record<string, string>} */ (ALIASES)[language] ?? language;
  if (!highlighter.getLanguage(name) || text.length > MAX_CHARS) {
    element.textContent = text;
    return;
  }
  element.innerHTML = highlighter.highlight(text, { language: name, ignoreIllegals: true }).value;
}
