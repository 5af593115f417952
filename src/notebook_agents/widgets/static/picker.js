/**
 * The list that opens after `@`: variables, files and cells, as the kernel knows them.
 *
 * The focus stays in the text; the list is read through `aria-activedescendant`.
 *
 * @typedef {import("./types.js").Completion} Completion
 */
import { count, h } from "./dom.js";

const MENTION = /(?:^|[\s([{,])@([^\s@]*)$/;
const WAIT_MS = 80;
const LIMIT = 12;
let nPickers = 0;

/**
 * What is being typed after `@` before the caret, or null.
 * @param {string} text
 * @param {number} caret
 */
export function mentionAt(text, caret) {
  return MENTION.exec(text.slice(0, caret))?.[1] ?? null;
}

/**
 * The text with a mention completed, and where the caret is then.
 * @param {string} text
 * @param {number} caret
 * @param {string} value
 * @returns {[string, number]}
 */
export function complete(text, caret, value) {
  const typed = mentionAt(text, caret) ?? "";
  const start = caret - typed.length;
  const rest = text.slice(caret);
  const space = rest.startsWith(" ") ? "" : " ";
  return [text.slice(0, start) + value + space + rest, start + value.length + 1];
}

export class Picker {
  /**
   * @param {HTMLTextAreaElement} field
   * @param {(text: string) => string} ask asks the kernel, gives the request
   * @param {(value: string) => void} choose
   */
  constructor(field, ask, choose) {
    nPickers += 1;
    this.id = `na-picker-${nPickers}`;
    this.field = field;
    this.ask = ask;
    this.choose = choose;
    /** @type {Completion[]} */
    this.items = [];
    this.at = 0;
    this.request = "";
    /** @type {any} */
    this.timer = null;
    this.element = h("ul", { class: "na-picker", id: this.id, role: "listbox", "aria-label": "Variables, files and cells" });
    this.close();
    for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", this.id], ["aria-expanded", "false"]]) field.setAttribute(name, value);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Look at what stands before the caret. */
  look() {
    clearTimeout(this.timer);
    const typed = mentionAt(this.field.value, this.field.selectionStart);
    if (typed === null) {
      this.close();
      return;
    }
    this.timer = setTimeout(() => {
      this.request = this.ask(typed);
    }, WAIT_MS);
  }

  /**
   * @param {string} request
   * @param {Completion[]} items
   */
  show(request, items) {
    if (request !== this.request) return;
    this.items = items.slice(0, LIMIT);
    this.at = 0;
    if (!this.items.length) {
      this.close();
      return;
    }
    const rows = this.items.map((item, place) =>
      h(
        "li",
        { class: "na-option", role: "option", id: `${this.id}-${place}`, on: { mousedown: (/** @type {Event} */ event) => event.preventDefault(), click: () => this.choose(item.value) } },
        h("span", { class: "na-option-label" }, item.label),
        h("span", { class: "na-dim" }, [item.kind, item.detail, item.tokens ? `${count(item.tokens)} tokens` : ""].filter(Boolean).join(" · ")),
      ),
    );
    this.element.replaceChildren(...rows);
    this.element.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    this.mark();
  }

  close() {
    clearTimeout(this.timer);
    this.request = "";
    this.element.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether it was for the list
   */
  onKey(event) {
    if (!this.isOpen) return false;
    const n = this.items.length;
    if (event.key === "ArrowDown") this.at = (this.at + 1) % n;
    else if (event.key === "ArrowUp") this.at = (this.at + n - 1) % n;
    else if (event.key === "Escape") this.close();
    else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") this.choose(this.items[this.at].value);
    else return false;
    event.preventDefault();
    if (this.isOpen) this.mark();
    return true;
  }

  mark() {
    [...this.element.children].forEach((row, place) => row.setAttribute("aria-selected", String(place === this.at)));
    this.element.children[this.at]?.scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", `${this.id}-${this.at}`);
  }
}
