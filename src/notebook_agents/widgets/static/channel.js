/**
 * The wire between a view and the kernel: numbered messages in, requests out.
 *
 * Messages can get lost between kernel and browser. A gap in their numbers is noticed and repaired by
 * one `refresh`, which the kernel answers with the whole state.
 *
 * @typedef {import("./types.js").Model} Model
 * @typedef {import("./types.js").Wire} Wire
 * @typedef {import("./types.js").ChatState} ChatState
 */
import { applyOp, Changes, completeState } from "./chat_state.js";

export const REFRESH_AGAIN_MS = 3000;
const REFRESH_AT_LEAST_MS = 60_000;
const SILENT_MS = 4000;

/**
 * @typedef {{
 *   onChange(): void,
 *   onAnswer(message: Wire): void,
 *   onSilence(isSilent: boolean): void,
 * }} Listener
 */

export class Channel {
  /**
   * @param {Model} model
   * @param {Listener} listener
   * @param {{ setTimeout: (callback: () => void, ms: number) => any, clearTimeout: (timer: any) => void }} [clock]
   */
  constructor(model, listener, clock) {
    this.model = model;
    this.listener = listener;
    this.clock = clock ?? { setTimeout: globalThis.setTimeout.bind(globalThis), clearTimeout: globalThis.clearTimeout.bind(globalThis) };
    this.state = completeState(model.get("state"));
    this.changes = new Changes();
    this.changes.all = true;
    /** @type {number | null} */
    this.seq = null;
    /** @type {any} */
    this.awaited = null;
    this.tries = 0;
    /** @type {any} */
    this.silence = null;
    this.n = 0;
    this.prefix = Math.random().toString(36).slice(2, 8);
    this.receive = this.receive.bind(this);
    this.adopt = this.adopt.bind(this);
    model.on("msg:custom", this.receive);
    model.on("change:state", this.adopt);
  }

  close() {
    this.model.off("msg:custom", this.receive);
    this.model.off("change:state", this.adopt);
    this.clock.clearTimeout(this.awaited);
    this.clock.clearTimeout(this.silence);
  }

  /**
   * Ask the kernel for something; gives the request's name, by which an answer is known.
   * @param {string} kind
   * @param {object} [fields]
   * @param {ArrayBuffer[]} [buffers]
   */
  request(kind, fields = {}, buffers = []) {
    this.n += 1;
    const request = `${this.prefix}-${this.n}`;
    this.expectAnswer();
    try {
      this.model.send({ kind, request, ...fields }, undefined, buffers);
    } catch {
      // The connection belongs to a kernel that was restarted or is gone.
      this.listener.onSilence(true);
    }
    return request;
  }

  /** Ask for the whole state, once until it is there. */
  refresh() {
    if (this.awaited !== null) return;
    this.tries += 1;
    const wait = Math.min(REFRESH_AGAIN_MS * 2 ** (this.tries - 1), REFRESH_AT_LEAST_MS);
    this.awaited = this.clock.setTimeout(() => {
      this.awaited = null;
      this.refresh();
    }, wait);
    this.request("refresh");
  }

  /** Take what has to be drawn. */
  takeChanges() {
    const taken = this.changes;
    this.changes = new Changes();
    return taken;
  }

  /** @param {Wire} message */
  receive(message) {
    this.hear();
    switch (message.kind) {
      case "snapshot":
        this.replace(message.state);
        this.seq = message.seq ?? null;
        this.clock.clearTimeout(this.awaited);
        this.awaited = null;
        this.tries = 0;
        break;
      case "delta":
        this.number(message.seq, 1);
        // A copy: every view of the model gets the same objects, and each lets its own grow.
        for (const op of structuredClone(message.ops ?? [])) {
          if (!applyOp(this.state, op, this.changes)) this.refresh();
        }
        break;
      case "beat":
        this.number(message.seq, 0);
        return;
      default:
        this.listener.onAnswer(message);
        return;
    }
    this.listener.onChange();
  }

  /** The synced state counts only as long as no numbered message has come: those are newer. */
  adopt() {
    if (this.seq !== null) return;
    this.replace(this.model.get("state"));
    this.listener.onChange();
  }

  /** @param {any} state */
  replace(state) {
    // A copy: deltas change it, and other views of the same model get the same object.
    this.state = completeState(structuredClone(state));
    this.changes.all = true;
  }

  /**
   * @param {number | undefined} seq
   * @param {number} step
   */
  number(seq, step) {
    if (seq === undefined) return;
    if (this.seq !== null && seq !== this.seq + step) this.refresh();
    if (this.seq === null) this.refresh();
    this.seq = Math.max(seq, this.seq ?? seq);
  }

  expectAnswer() {
    if (this.silence !== null) return;
    this.silence = this.clock.setTimeout(() => this.listener.onSilence(true), SILENT_MS);
  }

  hear() {
    this.clock.clearTimeout(this.silence);
    this.silence = null;
    this.listener.onSilence(false);
  }
}
