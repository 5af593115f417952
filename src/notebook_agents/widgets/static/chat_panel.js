/**
 * The chat panel: one view of a conversation. It holds no truth; the kernel does.
 *
 * Messages of the kernel are taken in at once and drawn at most once per frame.
 *
 * @typedef {import("./types.js").Model} Model
 * @typedef {import("./types.js").Wire} Wire
 * @typedef {import("./context.js").Context} Context
 */
import { ApprovalCard } from "./approval_card.js";
import { Channel } from "./channel.js";
import { knowsPrompt, messageText, openApprovals } from "./chat_state.js";
import { Composer } from "./composer.js";
import { Conversations } from "./conversations.js";
import { button, duration, h, icon } from "./dom.js";
import { Header } from "./header.js";
import { NotebookCells } from "./notebook_cells.js";
import { download, Panel } from "./panel.js";
import { keepInNotebook, StaticTranscript } from "./static_transcript.js";
import { Transcript } from "./transcript.js";

const SILENCE = "The kernel does not answer: it is busy with a cell, or it is not running. If it was restarted, run this cell again; the conversation is kept.";
const EXAMPLES = ["What variables do I have?", "Summarise @df", "Plot the last result", "Why did my last cell fail?"];

export class ChatPanel {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.settings = model.get("settings") ?? {};
    this.panel = new Panel(this.settings.title || "Chat with the agent", "na-chat");
    this.cells = new NotebookCells(model, this.panel.root);
    this.panel.root.addEventListener("keydown", (event) => this.cells.saveOnKey(event));
    this.saved = new StaticTranscript(this.settings.transcript_class);
    /** @type {{ clientId: string, text: string, request: string }[]} */
    this.pending = [];
    /** @type {Set<string>} approvals that have been announced */
    this.asked = new Set();
    this.frame = 0;
    this.wasRunning = false;
    this.isSilent = false;
    this.channel = new Channel(model, { onChange: () => this.drawSoon(), onAnswer: (message) => this.onAnswer(message), onSilence: (isSilent) => this.setSilent(isSilent) });
    this.context = this.makeContext();
    this.transcript = new Transcript(this.context, () => this.drawReview());
    this.conversations = new Conversations(this.context, (isOpen) => this.onList(isOpen));
    this.header = new Header(this.context, { toggleList: () => this.conversations.setOpen(!this.conversations.isOpen) });
    this.composer = new Composer(this.context, {
      send: (text) => this.send(text),
      leave: () => this.panel.leave(),
      editLast: () => this.editLast(),
      enterSends: () => (model.get("settings") ?? {}).enter_sends !== false,
      notebookPath: () => model.widget_manager?.context?.path ?? "",
    });
    this.status = h("div", { class: "na-status-line na-dim" });
    this.notice = h("p", { class: "na-note na-notice" });
    this.review = button("warning", "Go to the question", () => this.focusApproval(), { class: "na-review" });
    this.review.hidden = true;
    this.build();
    this.clock = setInterval(() => this.drawStatus(), 1000);
    // The connection was made or lost: whether somebody answers shows which.
    this.onCommLive = () => void this.channel.request("refresh");
    model.on("comm_live_update", this.onCommLive);
    this.onShortcut = (/** @type {KeyboardEvent} */ event) => this.shortcut(event);
    document.addEventListener("keydown", this.onShortcut);
  }

  /** @returns {Context} */
  makeContext() {
    return {
      request: (kind, fields, buffers) => this.channel.request(kind, fields, buffers),
      has: (offer) => this.channel.state.offers.includes(offer),
      state: () => this.channel.state,
      say: (text) => this.panel.say(text),
      toast: (text, level) => this.panel.toast(text, level),
      focusComposer: () => this.composer.focus(),
      rendermime: this.model.widget_manager?.rendermime ?? null,
      code: {
        say: (text) => this.panel.toast(text),
        offers: () => this.cells.offers(),
        run: (where, code) => this.panel.toast(this.cells.put(where, code)),
      },
    };
  }

  build() {
    const skip = h("button", { type: "button", class: "na-skip", on: { click: () => this.composer.focus() } }, "Skip to the message field");
    const frame = h("div", { class: "na-frame" }, skip, this.header.element, this.conversations.element, this.transcript.element, this.review, this.notice, this.status, this.composer.element);
    if (this.settings.max_height) frame.style.setProperty("--na-max-height", this.settings.max_height);
    this.panel.root.append(frame);
    this.drawEmpty();
  }

  /** @param {HTMLElement} element */
  attach(element) {
    element.append(this.panel.root);
    this.draw();
    this.channel.refresh();
  }

  close() {
    cancelAnimationFrame(this.frame);
    clearInterval(this.clock);
    document.removeEventListener("keydown", this.onShortcut);
    this.model.off("comm_live_update", this.onCommLive);
    this.saved.setHidden(false);
    for (const part of [this.channel, this.cells, this.transcript, this.conversations, this.composer, this.panel]) part.close();
    this.panel.root.remove();
  }

  drawSoon() {
    // A page out of sight gets no frames; its text must not pile up until it is looked at.
    if (document.hidden) this.draw();
    else if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const changes = this.channel.takeChanges();
    const { state } = this.channel;
    const n = this.pending.length;
    this.pending = this.pending.filter((each) => !knowsPrompt(state, each.clientId));
    if (n !== this.pending.length || this.pending.length) changes.keys.add("pending");
    if (changes.isEmpty) return;
    this.transcript.update(state, changes, this.pending.map((sent) => asMessage(sent, this.isSilent)));
    if (changes.all || changes.keys.size) this.drawAround();
    if (changes.all || changes.messages.size || changes.keys.has("messages")) this.ask();
    this.tell();
  }

  drawAround() {
    const { state } = this.channel;
    this.header.update(state);
    this.conversations.update(state);
    this.composer.update(state);
    this.drawStatus();
    const notice = this.isSilent ? { level: "warning", text: SILENCE } : state.notice;
    this.notice.hidden = !notice?.text;
    if (notice?.text) {
      this.notice.dataset.level = notice.level;
      if (this.notice.textContent?.trim() !== notice.text) {
        this.notice.replaceChildren(icon(notice.level === "info" ? "done" : "warning"), ` ${notice.text}`);
        this.panel.say(notice.text);
      }
    }
  }

  drawStatus() {
    const { run } = this.channel.state;
    const isRunning = run.state !== "idle" && !this.isSilent;
    this.status.hidden = !isRunning;
    if (!isRunning || document.hidden) return;
    const seconds = run.started_at ? Math.max(0, Math.floor(Date.now() / 1000 - run.started_at)) : 0;
    const words = [run.phase || "Working…", seconds >= 1 ? duration(seconds) : "", seconds > 30 ? "still working" : ""].filter(Boolean).join(" · ");
    if (this.status.textContent !== words) this.status.replaceChildren(h("span", { class: "na-pulse", "aria-hidden": "true" }), words);
  }

  drawEmpty() {
    const asks = EXAMPLES.map((text) => h("button", { type: "button", class: "na-button na-example", on: { click: () => this.suggest(text) } }, text));
    this.transcript.empty.replaceChildren(h("p", {}, "Ask about your data, or have something done in this notebook. Nothing is changed without your leave."), h("div", { class: "na-buttons" }, ...asks));
  }

  editLast() {
    if (this.context.has("edit") && this.channel.state.run.state === "idle") this.transcript.lastPrompt()?.edit();
  }

  /** @param {string} text */
  suggest(text) {
    this.composer.field.value = text;
    this.composer.onInput();
    this.composer.focus();
  }

  /** @param {string} text */
  send(text) {
    const clientId = `${this.channel.prefix}:${this.channel.n + 1}`;
    const request = this.channel.request("send", { text, attachments: this.channel.state.attachments.map((each) => each.id), client_id: clientId });
    this.pending.push({ clientId, text, request });
    this.transcript.isAtEnd = true;
    this.channel.changes.keys.add("pending");
    this.drawSoon();
  }

  /** Bring questions to the person: by the focus when it is free, else by a button and a word. */
  ask() {
    const open = openApprovals(this.channel.state);
    this.drawReview();
    const fresh = open.filter((block) => !this.asked.has(block.id));
    if (!fresh.length) return;
    for (const block of fresh) this.asked.add(block.id);
    this.panel.say(`Your answer is needed: allow ${fresh.map((block) => block.label || block.name).join(", ")}?`);
    const active = document.activeElement;
    const isFree = active && this.panel.root.contains(active) && !this.composer.field.value && !active.closest(".na-edit, .na-approval, .na-conversations");
    if (isFree) this.focusApproval();
  }

  /** The way to a question that is out of sight. */
  drawReview() {
    const n = openApprovals(this.channel.state).length;
    this.review.hidden = !n || this.transcript.isInSight(this.transcript.question());
    const words = n === 1 ? "1 question waits for your answer" : `${n} questions wait for your answer`;
    this.review.setAttribute("aria-label", `${words}: go to it`);
    if (this.review.textContent !== words) this.review.replaceChildren(icon("warning"), h("span", { class: "na-button-text" }, words));
  }

  focusApproval() {
    const card = this.transcript.question();
    card?.scrollIntoView({ block: "nearest" });
    card?.focus({ preventScroll: true });
  }

  /** Say what an answer came to when it is complete, not every word of it. */
  tell() {
    const { state } = this.channel;
    const isRunning = state.run.state !== "idle";
    if (this.wasRunning && !isRunning) {
      const last = state.messages.findLast((message) => message.role === "assistant");
      const text = last ? messageText(last) : "";
      this.panel.say(`The run has ended. ${text.length > 600 ? `${text.slice(0, 600)} … the answer is longer` : text}`);
    } else if (!this.wasRunning && isRunning) this.panel.say("Working");
    this.wasRunning = isRunning;
  }

  /** @param {Wire} message */
  onAnswer(message) {
    switch (message.kind) {
      case "completions":
        this.composer.picker.show(message.request, message.items ?? []);
        break;
      case "refused":
        this.onRefused(message);
        break;
      case "transcript":
        keepInNotebook(this.model, this.saved.className, message.data ?? {});
        break;
      case "done":
        if (message.text && this.isMine(message)) this.panel.toast(message.text);
        break;
      case "file":
        if (this.isMine(message)) download(message.name, message.media_type, message.text);
        break;
      default:
    }
  }

  /** @param {Wire} message */
  isMine(message) {
    return String(message.request ?? "").startsWith(`${this.channel.prefix}-`);
  }

  /** @param {Wire} message */
  onRefused(message) {
    if (!this.isMine(message)) return;
    this.panel.toast(message.text, "error");
    const unsent = this.pending.find((each) => each.request === message.request);
    if (unsent) {
      // What was refused is given back to be sent again.
      this.pending = this.pending.filter((each) => each !== unsent);
      if (!this.composer.field.value) this.suggest(unsent.text);
      this.channel.changes.keys.add("pending");
    }
    for (const view of this.transcript.views.values()) {
      for (const group of view.views.values()) {
        for (const card of group.views?.values() ?? []) if (card instanceof ApprovalCard && !card.block.decision) card.reopen();
      }
    }
    this.drawSoon();
  }

  /** @param {boolean} isSilent */
  setSilent(isSilent) {
    this.saved.setHidden(!isSilent);
    if (isSilent === this.isSilent) return;
    this.isSilent = isSilent;
    if (this.pending.length) this.channel.changes.keys.add("pending");
    this.panel.root.classList.toggle("is-silent", isSilent);
    this.drawAround();
    this.drawSoon();
  }

  /** @param {boolean} isOpen */
  onList(isOpen) {
    this.header.list.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) this.header.list.focus();
  }

  /** Alt+Shift+A comes here from anywhere on the page. @param {KeyboardEvent} event */
  shortcut(event) {
    if (!event.altKey || !event.shiftKey || event.code !== "KeyA" || event.defaultPrevented) return;
    event.preventDefault();
    this.panel.root.scrollIntoView({ block: "nearest" });
    this.composer.focus();
  }
}

/**
 * A prompt on its way, as a message.
 * @param {{ clientId: string, text: string }} sent
 * @param {boolean} isSilent whether nobody answers
 * @returns {import("./types.js").Message}
 */
function asMessage(sent, isSilent) {
  return { id: `sending ${sent.clientId}`, role: "user", state: isSilent ? "unsent" : "sending", blocks: [{ id: `sending ${sent.clientId}:t`, type: "text", text: sent.text }] };
}
