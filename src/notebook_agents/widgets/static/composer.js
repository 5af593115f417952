/**
 * Where a message is written: text, attachments, queue, and the button that sends or stops.
 *
 * @typedef {import("./types.js").ChatState} ChatState
 * @typedef {import("./context.js").Context} Context
 */
import { CellDrops, pathFrom } from "./cell_drops.js";
import { button, count, h, icon } from "./dom.js";
import { complete, Picker } from "./picker.js";

const MAX_FILE_BYTES = 25_000_000;

/**
 * Whether a key means send; the other form of Enter makes a new line.
 * @param {{ key: string, shiftKey: boolean, ctrlKey: boolean, metaKey: boolean, isComposing: boolean }} event
 * @param {boolean} enterSends
 */
export function isSendKey(event, enterSends) {
  if (event.key !== "Enter" || event.isComposing) return false;
  if (event.ctrlKey || event.metaKey) return true;
  return enterSends ? !event.shiftKey : event.shiftKey;
}

export class Composer {
  /**
   * @param {Context} context
   * @param {{
   *   send(text: string): void, leave(): void, editLast(): void,
   *   enterSends(): boolean, notebookPath(): string,
   * }} panel
   */
  constructor(context, panel) {
    this.context = context;
    this.panel = panel;
    this.field = h("textarea", {
      class: "na-prompt", rows: 1, "aria-label": "Message", spellcheck: "true",
      on: {
        keydown: (/** @type {KeyboardEvent} */ event) => this.onKey(event),
        input: () => this.onInput(),
        click: () => this.picker.look(),
        blur: () => this.picker.close(),
        paste: (/** @type {ClipboardEvent} */ event) => this.onPaste(event),
      },
    });
    this.picker = new Picker(this.field, (text) => context.request("complete", { text, limit: 12 }), (value) => this.mention(value));
    this.chips = h("ul", { class: "na-chips", "aria-label": "Attachments" });
    this.queue = h("ul", { class: "na-chips na-queue", "aria-label": "Queued messages" });
    this.go = button("send", "Send", () => this.onGo(), { class: "na-primary na-go" });
    this.later = button("send", "Queue this message", () => this.submit(), { text: "Queue", class: "na-queue-button" });
    this.files = h("input", { type: "file", multiple: true, hidden: true, "aria-hidden": "true", tabindex: "-1", on: { change: () => this.onFiles() } });
    this.attachButton = button("attach", "Attach a file", () => this.files.click(), { class: "na-quiet" });
    this.hint = h("span", { class: "na-hint na-dim" });
    this.element = h(
      "div",
      { class: "na-composer", on: { dragover: (/** @type {DragEvent} */ event) => this.onDragOver(event), dragleave: () => this.element.classList.remove("is-target"), drop: (/** @type {DragEvent} */ event) => this.onDrop(event) } },
      this.queue,
      this.chips,
      this.picker.element,
      h("div", { class: "na-prompt-line" }, this.attachButton, this.files, this.field, this.later, this.go),
      this.hint,
    );
    this.drops = new CellDrops(this.element, {
      isOpen: () => context.has("attach"),
      onCells: (cells) => this.attachCells(cells),
      onPaths: (paths) => this.attachPaths(paths),
    });
    this.isRunning = false;
  }

  focus() {
    this.field.focus({ preventScroll: true });
  }

  close() {
    this.picker.close();
    this.drops.close();
  }

  /** @param {ChatState} state */
  update(state) {
    this.isRunning = state.run.state !== "idle";
    const isStopping = state.run.state === "stopping";
    const label = this.isRunning ? (isStopping ? "Stopping…" : "Stop") : "Send";
    if (this.go.getAttribute("aria-label") !== label) {
      this.go.setAttribute("aria-label", label);
      this.go.title = label;
      this.go.replaceChildren(icon(this.isRunning ? "stop" : "send"), h("span", { class: "na-button-text" }, label));
      this.go.classList.toggle("is-stop", this.isRunning);
    }
    this.go.disabled = isStopping;
    const canQueue = this.context.has("queue");
    this.later.hidden = !this.isRunning || !canQueue || !this.field.value.trim();
    this.attachButton.hidden = !this.context.has("attach");
    const keys = this.panel.enterSends() ? "Enter sends, Shift+Enter makes a line" : "Shift+Enter sends, Enter makes a line";
    const words = this.isRunning ? (canQueue ? "A message sent now waits in the queue" : "Stop before you send the next message") : `${keys}, @ names variables and files`;
    if (this.hint.textContent !== words) this.hint.textContent = words;
    this.field.placeholder = state.messages.length ? "Reply…" : "Ask about your notebook…";
    this.drawChips(state);
    this.drawQueue(state);
  }

  /** @param {ChatState} state */
  drawChips(state) {
    this.chips.hidden = !state.attachments.length;
    this.chips.replaceChildren(
      ...state.attachments.map((chip) =>
        h(
          "li",
          { class: "na-chip" },
          chip.image && /^data:image\/(png|jpeg);base64,/.test(chip.image) ? h("img", { src: chip.image, alt: "" }) : /** @type {any} */ (icon(chip.kind === "image" ? "image" : chip.kind === "variable" ? "code" : "file")),
          chip.label,
          chip.tokens ? h("span", { class: "na-dim" }, ` ${count(chip.tokens)} tokens`) : null,
          button("close", `Remove ${chip.label}`, () => this.context.request("detach", { id: chip.id }), { class: "na-quiet" }),
        ),
      ),
    );
  }

  /** @param {ChatState} state */
  drawQueue(state) {
    this.queue.hidden = !state.queue.length;
    this.queue.replaceChildren(
      ...state.queue.map((entry) =>
        h("li", { class: "na-chip" }, h("span", { class: "na-tag" }, "queued"), h("span", { class: "na-chip-text" }, entry.text), button("close", `Do not send “${entry.text.slice(0, 40)}”`, () => this.context.request("cancel_queued", { id: entry.id }), { class: "na-quiet" })),
      ),
    );
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (this.picker.onKey(event)) return;
    if (isSendKey(event, this.panel.enterSends())) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.panel.leave();
    } else if (event.key === "ArrowUp" && !this.field.value) {
      event.preventDefault();
      this.panel.editLast();
    }
  }

  onInput() {
    this.grow();
    this.picker.look();
    this.later.hidden = !this.isRunning || !this.context.has("queue") || !this.field.value.trim();
  }

  /** As many lines as the text has; the style sheet sets the most. */
  grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight + 2}px`;
  }

  onGo() {
    if (this.isRunning) this.context.request("stop");
    else this.submit();
  }

  submit() {
    const text = this.field.value.trim();
    if (!text) return;
    if (this.isRunning && !this.context.has("queue")) {
      this.context.toast("Stop before you send the next message", "warning");
      return;
    }
    this.field.value = "";
    this.grow();
    this.picker.close();
    this.panel.send(text);
    this.onInput();
  }

  /** @param {string} value */
  mention(value) {
    const [text, caret] = complete(this.field.value, this.field.selectionStart, value);
    this.field.value = text;
    this.field.setSelectionRange(caret, caret);
    this.picker.close();
    this.grow();
    this.focus();
  }

  /** @param {ClipboardEvent} event */
  onPaste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || !this.context.has("attach")) return;
    event.preventDefault();
    this.attach(files);
  }

  /** @param {DragEvent} event */
  onDragOver(event) {
    if (!event.dataTransfer?.types.includes("Files") || !this.context.has("attach")) return;
    event.preventDefault();
    this.element.classList.add("is-target");
  }

  /** @param {DragEvent} event */
  onDrop(event) {
    this.element.classList.remove("is-target");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    this.attach(files);
  }

  onFiles() {
    this.attach([...(this.files.files ?? [])]);
    this.files.value = "";
  }

  /** @param {import("./cell_drops.js").Cell[]} cells */
  attachCells(cells) {
    for (const cell of cells) {
      const value = [cell.source].flat().join("");
      if (value.trim()) this.context.request("attach", { sort: "source", value, number: cell.execution_count ?? 0 });
    }
    this.focus();
  }

  /** @param {string[]} paths in the front end's file browser */
  attachPaths(paths) {
    for (const path of paths) {
      const value = pathFrom(path, this.panel.notebookPath());
      this.context.request("attach", { sort: "file", value: value.includes(" ") ? `"${value}"` : value });
    }
    this.focus();
  }

  /** @param {File[]} files */
  async attach(files) {
    for (const file of files) {
      if (file.size > MAX_FILE_BYTES) {
        this.context.toast(`${file.name} is larger than ${MAX_FILE_BYTES / 1e6} MB: put it beside the notebook and name its path`, "error");
        continue;
      }
      const sort = file.type.startsWith("image/") ? "image" : "file";
      const content = await file.arrayBuffer();
      this.context.request("attach", { sort, name: file.name || "pasted.png", media_type: file.type }, [content]);
    }
  }
}
