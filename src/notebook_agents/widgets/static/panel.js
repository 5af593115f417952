/**
 * A panel in a notebook: its root element, what is said aloud, and whose keys are whose.
 *
 * For every widget of this package: keys pressed in here are not commands of the notebook.
 */
import { Announcer } from "./context.js";
import { h } from "./dom.js";
import { followTheme } from "./theme.js";

const TOAST_MS = 6000;

export class Panel {
  /**
   * @param {string} name spoken name of the region
   * @param {string} className
   */
  constructor(name, className) {
    const region = h("div", { class: "na-offscreen", role: "status", "aria-live": "polite", "aria-atomic": "true" });
    this.toasts = h("div", { class: "na-toasts" });
    this.root = h("section", { class: `na-root ${className}`, "aria-label": name, "data-lm-suppress-shortcuts": "true" });
    this.root.append(region, this.toasts);
    // The notebook's commands listen further up; what is typed here is not for them.
    for (const event of ["keydown", "keypress", "keyup", "paste", "copy", "cut"]) {
      this.root.addEventListener(event, (each) => each.stopPropagation());
    }
    this.announcer = new Announcer(region);
    this.unfollow = followTheme(this.root);
  }

  /** @param {string} text */
  say(text) {
    this.announcer.say(text);
  }

  /**
   * Show something for a moment, and say it.
   * @param {string} text
   * @param {string} [level]
   */
  toast(text, level = "info") {
    const shown = h("p", { class: "na-toast", "data-level": level }, text);
    this.toasts.append(shown);
    setTimeout(() => shown.remove(), TOAST_MS);
    this.say(text);
  }

  /** Give the keyboard back to the notebook. */
  leave() {
    const cell = /** @type {HTMLElement | null} */ (this.root.closest(".jp-Cell"));
    const notebook = /** @type {HTMLElement | null} */ (this.root.closest(".jp-Notebook"));
    /** @type {HTMLElement | null} */ (document.activeElement)?.blur();
    (cell?.hasAttribute("tabindex") ? cell : notebook)?.focus({ preventScroll: true });
  }

  close() {
    this.announcer.close();
    this.unfollow();
  }
}

/**
 * Offer a text as a download.
 * @param {string} name
 * @param {string} mediaType
 * @param {string} text
 */
export function download(name, mediaType, text) {
  const address = URL.createObjectURL(new Blob([text], { type: mediaType }));
  const link = h("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
