/**
 * One message: who wrote it, its parts, what it took, and what can be done with it.
 *
 * @typedef {import("./types.js").Message} Message
 * @typedef {import("./types.js").Footer} Footer
 * @typedef {import("./context.js").Context} Context
 */
import { pieceView, piecesOf } from "./blocks.js";
import { messageText } from "./chat_state.js";
import { copy } from "./code_block.js";
import { button, count, duration, h, icon, reconcile } from "./dom.js";

const AUTHORS = { user: "You", assistant: "Assistant", system: "System" };
const RUNNING = ["queued", "running", "waiting"];

/**
 * What a message took, in one line.
 * @param {Footer} footer
 */
export function footerLine(footer) {
  if (footer.text) return footer.text;
  const parts = [footer.model];
  if (footer.seconds !== undefined) parts.push(duration(footer.seconds));
  if (footer.input_tokens !== undefined) parts.push(`${count(footer.input_tokens)} in / ${count(footer.output_tokens ?? 0)} out`);
  if (footer.tokens_per_s) parts.push(`${Math.round(footer.tokens_per_s)} tok/s`);
  if (footer.cost_usd !== undefined && footer.cost_usd !== null) parts.push(`$${footer.cost_usd.toFixed(4)}`);
  if (footer.n_tools) parts.push(`${footer.n_tools} tool${footer.n_tools > 1 ? "s" : ""}`);
  return parts.filter(Boolean).join(" · ");
}

export class MessageView {
  /**
   * @param {Message} message
   * @param {Context} context
   */
  constructor(message, context) {
    this.sort = message.role;
    this.context = context;
    this.message = message;
    this.views = new Map();
    this.body = h("div", { class: "na-message-body" });
    this.author = h("h3", { class: "na-author" });
    this.end = h("div", { class: "na-message-end" });
    this.element = h("article", { class: `na-message na-${message.role}`, tabindex: "-1" }, this.author, this.body, this.end);
    /** @type {HTMLElement | null} */
    this.editor = null;
    this.drawn = "";
    this.update(message);
  }

  /** @param {Message} message */
  update(message) {
    this.message = message;
    this.element.dataset.state = message.state ?? "";
    this.element.classList.toggle("is-hidden", Boolean(message.is_hidden));
    const author = /** @type {any} */ (AUTHORS)[message.role] ?? message.role;
    this.element.setAttribute("aria-label", `${author}${message.is_hidden ? ", hidden from the model" : ""}`);
    this.updateBlocks();
    const facts = JSON.stringify({ ...message, blocks: null, offers: this.context.state().offers, isIdle: this.isIdle });
    if (facts === this.drawn) return;
    this.drawn = facts;
    this.author.replaceChildren(author, ...(message.is_hidden ? [h("span", { class: "na-tag" }, "hidden from the model")] : []), ...onItsWay(message));
    this.drawEnd();
  }

  get isIdle() {
    return this.context.state().run.state === "idle";
  }

  updateBlocks() {
    const { message } = this;
    const isRunning = RUNNING.includes(message.state ?? "");
    const pieces = piecesOf(message.blocks, isRunning && message.role === "assistant");
    const wanted = pieces.map((piece) => ({ id: piece.id, sort: piece.sort, entry: piece }));
    reconcile(this.body, this.views, wanted, (piece) => pieceView(piece, this.context));
  }

  close() {
    for (const view of this.views.values()) view.close?.();
  }

  drawEnd() {
    const { message } = this;
    const parts = [this.attachments(), this.error(), this.undo(), this.line()];
    this.end.replaceChildren(.../** @type {Node[]} */ (parts.filter(Boolean)));
  }

  attachments() {
    const chips = this.message.attachments ?? [];
    if (!chips.length) return null;
    return h("ul", { class: "na-chips", "aria-label": "Attachments" }, ...chips.map((chip) => h("li", { class: "na-chip" }, icon(chip.kind === "image" ? "image" : "file"), chip.label, chip.tokens ? h("span", { class: "na-dim" }, ` ${count(chip.tokens)} tokens`) : null)));
  }

  error() {
    const { error, state } = this.message;
    if (state === "cancelled") return h("p", { class: "na-note", "data-level": "info" }, icon("stop"), " Stopped.");
    if (!error) return null;
    return h("p", { class: "na-error", role: "alert" }, icon("failed"), " ", h("strong", {}, error.text), error.advice ? ` ${error.advice}` : null);
  }

  undo() {
    const { undo, run_id: runId } = this.message;
    if (!undo) return null;
    if (undo.state !== "offered") return h("p", { class: "na-note", "data-level": undo.state === "failed" ? "error" : "info" }, icon("undo"), ` ${undo.text || (undo.state === "done" ? "Undone." : "Undo failed.")}`);
    return button("undo", undo.label, () => this.context.request("undo", { run_id: runId }), { text: undo.label, class: "na-undo" });
  }

  line() {
    const { message } = this;
    const tools = h("div", { class: "na-buttons na-message-actions", role: "group", "aria-label": `Actions for this message of ${message.role === "user" ? "yours" : "the assistant"}` }, ...this.actions());
    const facts = message.footer ? h("span", { class: "na-footer na-dim" }, footerLine(message.footer)) : h("span");
    return h("div", { class: "na-message-line" }, facts, tools);
  }

  /** @returns {HTMLElement[]} */
  actions() {
    const { message, context } = this;
    if (message.state === "sending") return [];
    if (message.state === "unsent") return [button("copy", "Copy message", () => void copy(messageText(message), context.code), { class: "na-quiet" })];
    const quiet = { class: "na-quiet" };
    const made = [button("copy", "Copy message", () => void copy(messageText(message), context.code), quiet)];
    if (RUNNING.includes(message.state ?? "")) return made;
    if (message.role === "user" && context.has("edit")) made.push(button("edit", "Edit and send again", () => this.edit(), quiet));
    if (context.has("fork")) made.push(button("fork", "Fork the conversation from here", () => context.request("fork", { message: message.id }), quiet));
    if (context.has("hide")) {
      const label = message.is_hidden ? "Show to the model again" : "Hide from the model";
      made.push(button(message.is_hidden ? "show" : "hide", label, () => context.request("hide", { message: message.id, is_hidden: !message.is_hidden }), { ...quiet, "aria-pressed": String(Boolean(message.is_hidden)) }));
    }
    if (message.role !== "user" && message.run_id && context.has("feedback")) made.push(...this.thumbs());
    return made;
  }

  /** Opinions, for those who want to be asked; pressed again, one is taken back. */
  thumbs() {
    const { message, context } = this;
    return [["good", "Good answer"], ["bad", "Bad answer"]].map(([rating, label]) => {
      const isChosen = message.rating === rating;
      const rate = () => context.request("rate", { run_id: message.run_id, rating: isChosen ? "none" : rating });
      return button(rating, label, rate, { class: "na-quiet", "aria-pressed": String(isChosen) });
    });
  }

  /** Write a prompt anew: it and what followed are replaced. */
  edit() {
    if (this.editor) return;
    const field = h("textarea", { class: "na-field", "aria-label": "Your message, edited", rows: 3, value: messageText(this.message) });
    const send = () => {
      const text = field.value.trim();
      if (!text) return;
      this.context.request("edit", { message: this.message.id, text, client_id: crypto.randomUUID?.() ?? String(Math.random()) });
      close();
    };
    const close = () => {
      this.editor?.remove();
      this.editor = null;
      this.body.hidden = false;
      this.context.focusComposer();
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        send();
      } else return;
      event.stopPropagation();
    });
    const buttons = h("div", { class: "na-buttons" }, button("send", "Send again; what follows is replaced", send, { text: "Send again", class: "na-primary" }), button("close", "Cancel editing", close, { text: "Cancel" }));
    this.editor = h("div", { class: "na-edit" }, field, buttons);
    this.body.hidden = true;
    this.body.after(this.editor);
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }
}

/**
 * Where a prompt is that the kernel does not know yet.
 * @param {import("./types.js").Message} message
 */
function onItsWay(message) {
  const words = { sending: "Sending…", unsent: "Not received: the kernel does not answer" }[message.state ?? ""];
  return words ? [h("span", { class: "na-tag" }, words)] : [];
}
