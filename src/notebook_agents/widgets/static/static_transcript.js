/**
 * A saved notebook has the conversation as text in a second output. While a live panel shows it,
 * that text is put out of sight; it comes back when the kernel or the panel goes.
 */
const CLASS = /^[\w-]+$/;
/** @type {Map<string, { n: number, style: HTMLStyleElement }>} */
const hidden = new Map();

/**
 * The kernel's update of an output does not reach a page that was loaded after the cell ran; so the
 * page puts the text into the notebook's model by itself, where it lets that be reached.
 * @param {import("./types.js").Model} model
 * @param {string} className
 * @param {Record<string, string>} data what the output shows, by media type
 */
export function keepInNotebook(model, className, data) {
  const cells = model.widget_manager?.context?.model?.cells;
  if (!CLASS.test(className)) return;
  for (let index = 0; index < (cells?.length ?? 0); index += 1) {
    const { outputs } = cells.get(index);
    for (let place = 0; place < (outputs?.length ?? 0); place += 1) {
      const html = String(outputs.get(place).data?.["text/html"] ?? "");
      if (!html.includes(className)) continue;
      if (html !== data["text/html"]) outputs.set(place, { output_type: "display_data", data, metadata: {} });
      return;
    }
  }
}

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
