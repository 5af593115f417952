/**
 * The messages, newest last, and where the person reads.
 *
 * Whoever is at the end stays there while text arrives; whoever has scrolled up is never moved.
 *
 * @typedef {import("./types.js").ChatState} ChatState
 * @typedef {import("./types.js").Message} Message
 * @typedef {import("./context.js").Context} Context
 * @typedef {import("./chat_state.js").Changes} Changes
 */
import { findBlock } from "./chat_state.js";
import { button, h, reconcile } from "./dom.js";
import { MessageView } from "./message.js";

const NEAR_PX = 48;

export class Transcript {
  /**
   * @param {Context} context
   * @param {() => void} onMove told when something else is in sight
   */
  constructor(context, onMove) {
    this.context = context;
    this.onMove = onMove;
    /** @type {Map<string, MessageView>} */
    this.views = new Map();
    this.list = h("div", { class: "na-messages" });
    this.empty = h("div", { class: "na-empty" });
    this.log = h("div", { class: "na-log", role: "log", "aria-live": "off", "aria-label": "Conversation", tabindex: "0", on: { scroll: () => this.onScroll() } }, this.empty, this.list);
    this.latest = button("down", "Jump to latest message", () => this.jump(), { text: "Jump to latest", class: "na-latest" });
    this.latest.hidden = true;
    this.element = h("div", { class: "na-log-frame" }, this.log, this.latest);
    this.isAtEnd = true;
    // Pictures and plots get their height later than the text around them.
    this.resizes = new ResizeObserver(() => this.keepPlace());
    this.resizes.observe(this.list);
    this.resizes.observe(this.log);
  }

  close() {
    this.resizes.disconnect();
    for (const view of this.views.values()) view.close();
  }

  /**
   * @param {ChatState} state
   * @param {Changes} changes
   * @param {Message[]} pending messages that the kernel does not know yet
   */
  update(state, changes, pending) {
    const isWhole = changes.all || changes.keys.has("messages") || changes.keys.has("run") || changes.keys.has("offers") || changes.keys.has("pending");
    if (isWhole) this.drawAll([...state.messages, ...pending]);
    else this.drawSome(state, changes);
    this.keepPlace();
  }

  /** @param {Message[]} messages */
  drawAll(messages) {
    const wanted = messages.map((message) => ({ id: message.id, sort: message.role, entry: message }));
    reconcile(this.list, this.views, wanted, (message) => new MessageView(message, this.context));
    this.empty.hidden = messages.length > 0;
  }

  /**
   * @param {ChatState} state
   * @param {Changes} changes
   */
  drawSome(state, changes) {
    const ids = new Set(changes.messages);
    for (const id of changes.grown) {
      const found = findBlock(state, id);
      if (found) ids.add(found.message.id);
    }
    for (const id of ids) {
      const message = state.messages.find((each) => each.id === id);
      if (message) this.views.get(id)?.update(message);
    }
  }

  /** @returns {MessageView | undefined} */
  lastPrompt() {
    return [...this.views.values()].reverse().find((view) => view.sort === "user");
  }

  jump() {
    this.isAtEnd = true;
    this.keepPlace();
    this.log.focus({ preventScroll: true });
  }

  onScroll() {
    this.isAtEnd = this.distance() < NEAR_PX;
    this.latest.hidden = this.isAtEnd;
    this.onMove();
  }

  /** The first question without an answer. @returns {HTMLElement | null} */
  question() {
    return this.list.querySelector(".na-approval:not(.is-done)");
  }

  /** @param {HTMLElement | null} element */
  isInSight(element) {
    if (!element) return false;
    const [own, frame] = [element.getBoundingClientRect(), this.log.getBoundingClientRect()];
    return own.bottom > frame.top + NEAR_PX && own.top < frame.bottom - NEAR_PX;
  }

  keepPlace() {
    if (this.isAtEnd) this.log.scrollTop = this.log.scrollHeight;
    this.latest.hidden = this.isAtEnd || this.distance() < NEAR_PX;
  }

  distance() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight;
  }
}
