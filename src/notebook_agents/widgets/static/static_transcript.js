/**
 * A saved notebook has the conversation as text in a second output. While a live panel shows it,
 * that text is put out of sight; it comes back when the kernel or the panel goes.
 */
const CLASS = /^[\w-]+$/;
/** @type {Map<string, { n: number, style: HTMLStyleElement }>} */
const hidden = new Map();

export class StaticTranscript {
  /** @param {string | undefined} className */
  constructor(className) {
    this.className = className && CLASS.test(className) ? className : "";
    this.isHidden = false;
  }

  /** @param {boolean} isHidden */
  setHidden(isHidden) {
    if (!this.className || isHidden === this.isHidden) return;
    this.isHidden = isHidden;
    const entry = hidden.get(this.className) ?? { n: 0, style: document.createElement("style") };
    entry.n += isHidden ? 1 : -1;
    entry.style.textContent = `.${this.className} { display: none; }`;
    hidden.set(this.className, entry);
    if (entry.n > 0) document.head.append(entry.style);
    else entry.style.remove();
  }
}
