/**
 * The list of conversations: search, open, rename, delete.
 *
 * @typedef {import("./types.js").ConversationRow} ConversationRow
 * @typedef {import("./types.js").ChatState} ChatState
 * @typedef {import("./context.js").Context} Context
 */
import { button, h } from "./dom.js";

const WAIT_MS = 150;

/**
 * When something was, in words.
 * @param {number} epochS
 * @param {number} [nowMs]
 */
export function ago(epochS, nowMs = Date.now()) {
  const seconds = Math.max(0, nowMs / 1000 - epochS);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(epochS * 1000).toLocaleDateString();
}

export class Conversations {
  /**
   * @param {Context} context
   * @param {(isOpen: boolean) => void} onToggle
   */
  constructor(context, onToggle) {
    this.context = context;
    this.onToggle = onToggle;
    this.search = h("input", { type: "search", class: "na-field", placeholder: "Search conversations", "aria-label": "Search conversations", on: { input: () => this.askLater() } });
    this.rows = h("ul", { class: "na-conversation-rows" });
    this.element = h(
      "section",
      { class: "na-conversations", "aria-label": "Conversations", on: { keydown: (/** @type {KeyboardEvent} */ event) => this.onKey(event) } },
      h("div", { class: "na-header-line" }, this.search, button("close", "Close the list", () => this.setOpen(false), { class: "na-quiet" })),
      this.rows,
    );
    this.element.hidden = true;
    /** @type {any} */
    this.timer = null;
    this.drawn = "";
  }

  close() {
    clearTimeout(this.timer);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** @param {boolean} isOpen */
  setOpen(isOpen) {
    this.element.hidden = !isOpen;
    this.onToggle(isOpen);
    if (!isOpen) return;
    this.ask();
    this.search.focus();
  }

  ask() {
    this.context.request("list_conversations", { query: this.search.value.trim() });
  }

  askLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), WAIT_MS);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.setOpen(false);
  }

  /** @param {ChatState} state */
  update(state) {
    const rows = state.conversations;
    const facts = JSON.stringify(rows);
    if (facts === this.drawn) return;
    this.drawn = facts;
    if (!rows) this.rows.replaceChildren(h("li", { class: "na-dim" }, "Loading…"));
    else if (!rows.length) this.rows.replaceChildren(h("li", { class: "na-dim" }, this.search.value ? "Nothing found." : "No conversations yet."));
    else this.rows.replaceChildren(...rows.map((row) => this.row(row)));
  }

  /** @param {ConversationRow} row */
  row(row) {
    const title = row.title || "Untitled";
    const facts = [row.updated_at ? ago(row.updated_at) : "", row.n_messages !== undefined ? `${row.n_messages} messages` : "", row.is_open ? "open" : ""];
    const open = h("button", { type: "button", class: "na-conversation-open", "aria-current": row.is_open ? "true" : null, on: { click: () => this.open(row.id) } }, h("span", {}, title), h("span", { class: "na-dim" }, facts.filter(Boolean).join(" · ")));
    const element = h("li", { class: "na-conversation" });
    const tools = h("span", { class: "na-buttons" }, button("edit", `Rename ${title}`, () => this.rename(element, row), { class: "na-quiet" }), button("trash", `Delete ${title}`, () => this.confirm(element, row), { class: "na-quiet" }));
    element.append(open, tools);
    return element;
  }

  /** @param {string} id */
  open(id) {
    this.context.request("open_conversation", { id });
    this.setOpen(false);
  }

  /**
   * @param {HTMLElement} element
   * @param {ConversationRow} row
   */
  rename(element, row) {
    const back = () => element.replaceWith(this.row(row));
    const field = h("input", { class: "na-field", "aria-label": "New name", value: row.title });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.stopPropagation();
      const title = field.value.trim();
      if (event.key === "Enter" && title) this.context.request("rename_conversation", { id: row.id, title });
      back();
    });
    element.replaceChildren(field);
    field.select();
    field.focus();
  }

  /**
   * @param {HTMLElement} element
   * @param {ConversationRow} row
   */
  confirm(element, row) {
    const keep = button("close", "Keep it", () => element.replaceWith(this.row(row)), { text: "Keep" });
    const remove = button("trash", `Delete ${row.title} for good`, () => this.context.request("delete_conversation", { id: row.id }), { text: "Delete", class: "na-deny" });
    element.replaceChildren(h("span", {}, `Delete “${row.title}”?`), h("span", { class: "na-buttons" }, keep, remove));
    keep.focus();
  }
}
