/**
 * Text for a person who decides: characters that hide, reorder or look like nothing are shown by number.
 */
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\u{e0000}-\u{e01ef}]/gu;

/** @param {string} text */
export function shown(text) {
  return text.replaceAll("\r\n", "\n").replace(HIDDEN, (found) => `⟨U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/**
 * @param {Record<string, unknown>} values
 * @returns {Record<string, string>}
 */
export function shownValues(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [shown(name), shown(typeof value === "string" ? value : JSON.stringify(value, null, 1))]));
}
