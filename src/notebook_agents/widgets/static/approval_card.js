/**
 * The question whether a call may be made: what, where, why it is asked, what it would change.
 *
 * The card itself takes the focus, never a button that allows: an Enter that was meant for a message
 * must not allow anything.
 *
 * @typedef {import("./types.js").ApprovalBlock} ApprovalBlock
 * @typedef {import("./context.js").Context} Context
 */
import { codeBlock } from "./code_block.js";
import { diffView } from "./diff.js";
import { button, duration, h, icon } from "./dom.js";
import { shown, shownValues } from "./hidden_text.js";
import { previewView } from "./preview.js";
import { argumentList, argumentsBesides, humanName } from "./tool_card.js";

const RISKS = {
  reads: "only reads",
  binds: "makes new variables",
  mutates: "changes what is there",
  writes_files: "writes files",
  network: "uses the network",
  shell: "runs other programs",
  deletes: "deletes",
};
const EFFECTS = {
  read: "only reads",
  write: "changes something",
  network: "uses the network",
  external: "reaches beyond this notebook",
  privileged: "does what only administrators may",
};
const DECISIONS = {
  once: ["done", "Allowed once"],
  conversation: ["done", "Allowed for this conversation"],
  denied: ["denied", "Denied"],
  expired: ["denied", "Denied: nobody answered in time"],
};
const WARN_S = 30;
let nCards = 0;

export class ApprovalCard {
  /**
   * @param {ApprovalBlock} block
   * @param {Context} context
   */
  constructor(block, context) {
    this.sort = "approval";
    this.context = context;
    this.block = block;
    nCards += 1;
    this.titleId = `na-approval-${nCards}`;
    this.feedback = h("input", { type: "text", class: "na-field", placeholder: "What should it do instead? (optional)", "aria-label": "What to do instead, if denied", on: { keydown: (/** @type {KeyboardEvent} */ event) => this.onFeedbackKey(event) } });
    /** @type {HTMLTextAreaElement | null} */
    this.editor = null;
    this.countdown = h("span", { class: "na-countdown na-dim" });
    this.element = h("section", { class: "na-card na-approval", tabindex: "-1", "aria-labelledby": this.titleId });
    /** @type {any} */
    this.timer = null;
    this.drawn = "";
    this.hasWarned = false;
    this.isAnswered = false;
    this.update(block);
  }

  /** @param {ApprovalBlock} block */
  update(block) {
    if (this.drawn && block === this.block) return;
    this.block = block;
    const facts = JSON.stringify(block);
    if (facts === this.drawn) return;
    const focused = this.element.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    this.drawn = facts;
    if (block.decision) this.drawDecision();
    else this.drawQuestion();
    if (focused?.isConnected && focused !== document.activeElement) focused.focus();
    else if (focused && !focused.isConnected && !block.decision) this.element.focus();
  }

  close() {
    clearInterval(this.timer);
  }

  get title() {
    return this.block.label || humanName(this.block.name);
  }

  drawDecision() {
    clearInterval(this.timer);
    const { block } = this;
    const [iconName, words] = /** @type {any} */ (DECISIONS)[block.decision ?? ""] ?? ["tool", block.decision];
    const said = `${block.is_edited ? ", as you changed it" : ""}${block.feedback ? ` — “${block.feedback}”` : ""}`;
    this.element.classList.add("is-done");
    this.element.replaceChildren(
      h("div", { class: "na-card-line", id: this.titleId }, icon(iconName), h("span", { class: "na-card-name" }, this.title), h("span", { class: "na-status" }, `${words}${said}`)),
    );
  }

  drawQuestion() {
    const { block, context } = this;
    const risk = /** @type {any} */ (RISKS)[block.risk ?? ""] ?? /** @type {any} */ (EFFECTS)[block.effect ?? ""] ?? "";
    const code = block.code;
    const parts = [
      h("h4", { class: "na-approval-title", id: this.titleId }, icon("warning"), `Allow “${this.title}”?`),
      h("p", { class: "na-risk", "data-risk": block.risk ?? "" }, risk && h("strong", {}, `This ${risk}. `), block.where && h("span", {}, `Where: ${block.where}. `), h("span", { class: "na-dim" }, block.findings?.length ? "" : (block.reason ?? ""))),
      block.warning && h("p", { class: "na-approval-warning" }, icon("warning"), ` ${shown(block.warning)}`),
      findingList(block.findings ?? []),
      block.forecast && h("p", { class: "na-forecast na-dim" }, `Expect ${block.forecast}`),
      block.diff && diffView(shown(block.diff)),
      this.editor ?? (code && codeBlock(shown(code.text), code.language ?? "python", { say: context.say }).element),
      this.others(),
      block.preview && previewView(block.preview, context.rendermime),
      notSaved(block.not_saved ?? []),
      this.buttons(),
    ];
    this.element.replaceChildren(.../** @type {Node[]} */ (parts.filter(Boolean)));
    if (block.expires_at) this.startCountdown();
  }

  others() {
    const left = argumentsBesides(this.block);
    return Object.keys(left).length ? argumentList(shownValues(left)) : null;
  }

  buttons() {
    const { context } = this;
    return h(
      "div",
      { class: "na-approval-answer" },
      h(
        "div",
        { class: "na-buttons", role: "group", "aria-label": "Your answer" },
        button("done", `Allow once: ${this.title}`, () => this.decide("once"), { text: "Allow once", class: "na-primary" }),
        context.has("always") && !this.block.is_once && button("done", `Allow for this conversation: ${this.title}`, () => this.decide("conversation"), { text: "Allow for this conversation" }),
        context.has("edit_call") && !this.editor && button("edit", `Edit: ${this.title}`, () => this.edit(), { text: "Edit" }),
        button("denied", `Deny: ${this.title}`, () => this.decide("deny"), { text: "Deny", class: "na-deny" }),
        this.countdown,
      ),
      this.feedback,
    );
  }

  edit() {
    const { block } = this;
    const text = block.code?.text ?? JSON.stringify(block.arguments ?? {}, null, 1);
    this.editor = h("textarea", { class: "na-field na-code-editor", rows: Math.min(20, text.split("\n").length + 1), "aria-label": block.code ? "Code, as it will run" : "Arguments as JSON", spellcheck: "false", value: text });
    this.drawQuestion();
    this.editor.focus();
  }

  /** @param {"once" | "conversation" | "deny"} decision */
  decide(decision) {
    if (this.isAnswered) return;
    /** @type {Record<string, unknown>} */
    const fields = { call_id: this.block.call_id, decision, feedback: this.feedback.value.trim() };
    if (this.editor && decision !== "deny") {
      const edited = this.editedArguments();
      if (!edited) return;
      fields.arguments = edited;
    }
    this.isAnswered = true;
    for (const control of this.element.querySelectorAll("button, input, textarea")) /** @type {HTMLButtonElement} */ (control).disabled = true;
    this.countdown.textContent = "Sending your answer…";
    clearInterval(this.timer);
    this.context.request("decide", fields);
    this.context.say(decision === "deny" ? "Denied" : "Allowed");
    this.context.focusComposer();
  }

  /** @returns {Record<string, unknown> | null} */
  editedArguments() {
    const text = this.editor?.value ?? "";
    const given = this.block.arguments ?? {};
    const code = this.block.code?.text;
    if (code !== undefined) {
      const name = Object.keys(given).find((each) => given[each] === code) ?? "code";
      return { ...given, [name]: text };
    }
    try {
      return JSON.parse(text);
    } catch {
      this.context.toast("The arguments are no JSON: check quotes and commas", "error");
      return null;
    }
  }

  /** What the kernel refused can be answered again. */
  reopen() {
    this.isAnswered = false;
    for (const control of this.element.querySelectorAll("button, input, textarea")) /** @type {HTMLButtonElement} */ (control).disabled = false;
  }

  /** @param {KeyboardEvent} event */
  onFeedbackKey(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    this.decide("deny");
  }

  startCountdown() {
    clearInterval(this.timer);
    const tick = () => {
      const left = Math.max(0, (this.block.expires_at ?? 0) - Date.now() / 1000);
      this.countdown.textContent = left > 0 ? `Denied by itself in ${duration(Math.ceil(left))}` : "Time is up: denied";
      if (left <= WARN_S && left > 0 && !this.hasWarned) {
        this.hasWarned = true;
        this.context.say(`${this.title} is denied in ${Math.ceil(left)} seconds unless you answer`);
      }
    };
    tick();
    this.timer = setInterval(tick, 1000);
  }
}

/** @param {{ risk: string, text: string, line?: number }[]} findings */
function findingList(findings) {
  if (!findings.length) return null;
  const rows = findings.map((found) =>
    h("li", { "data-risk": found.risk }, shown(found.text), h("span", { class: "na-dim" }, [found.line ? ` · line ${found.line}` : "", ` · ${/** @type {any} */ (RISKS)[found.risk] ?? found.risk}`].join(""))),
  );
  return h("ul", { class: "na-findings", "aria-label": "What it would do" }, ...rows);
}

/** @param {{ name: string, reason: string }[]} names */
function notSaved(names) {
  if (!names.length) return null;
  return h("p", { class: "na-not-saved" }, icon("warning"), " Undo cannot bring back: ", names.map((each) => `${each.name} (${each.reason})`).join(", "));
}
