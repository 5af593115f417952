/**
 * Markdown of a model or tool, as elements that can do no harm.
 *
 * Everything passes DOMPurify with a short list of elements. Links go to http, https and mail only, in a
 * new tab; a picture from another host is loaded when the person asks for it, since its address can
 * carry away what was said; classes, ids and styles are dropped, since they could imitate this panel.
 */
import { codeBlock } from "./code_block.js";
import { h } from "./dom.js";
import { mathRules } from "./math.js";
import createPurifier from "./vendor/dompurify.js";
import { Marked } from "./vendor/marked.js";

/** @typedef {import("./vendor/marked.js").Token} Token */
/** @typedef {import("./code_block.js").CodeActions} CodeActions */

const TAGS = (
  "p br hr h1 h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote pre code kbd samp var em strong b i u s del ins sub sup " +
  "small mark abbr a img table thead tbody tfoot tr th td caption details summary span div"
).split(" ");
const ATTRIBUTES = ["href", "title", "alt", "src", "align", "colspan", "rowspan", "start", "open", "class"];
const LINK = /^(?:https?:\/\/|mailto:)/i;
const OWN_PICTURE = /^data:image\/(?:png|jpeg|gif|webp);base64,[a-z0-9+/=\s]*$/i;
const REMOTE_PICTURE = /^https?:\/\//i;
const LANGUAGE = /^language-[\w+#.-]+$/;

const marked = new Marked({ gfm: true, breaks: false }, mathRules);
/** @type {typeof createPurifier | null} */
let purifier = null;

/**
 * The blocks of a text.
 * @param {string} text
 * @returns {Token[]}
 */
export function blocksOf(text) {
  return marked.lexer(text);
}

/**
 * One block or several, drawn.
 * @param {Token[]} tokens
 * @param {CodeActions} actions
 * @returns {DocumentFragment}
 */
export function drawBlocks(tokens, actions) {
  const fragment = sanitise(marked.parser(tokens));
  for (const link of fragment.querySelectorAll("a")) secureLink(link);
  for (const picture of fragment.querySelectorAll("img")) securePicture(picture);
  for (const code of fragment.querySelectorAll("pre > code")) {
    const language = [...code.classList].find((name) => LANGUAGE.test(name))?.slice("language-".length) ?? "";
    /** @type {HTMLElement} */ (code.parentElement).replaceWith(codeBlock(stripEnd(code.textContent ?? ""), language, actions).element);
  }
  for (const table of fragment.querySelectorAll("table")) {
    const frame = h("div", { class: "na-table", tabindex: "0", role: "region", "aria-label": "Table" });
    table.replaceWith(frame);
    frame.append(table);
  }
  return fragment;
}

/**
 * A whole text at once.
 * @param {string} text
 * @param {CodeActions} [actions]
 */
export function drawMarkdown(text, actions = {}) {
  return drawBlocks(blocksOf(text), actions);
}

/**
 * HTML as elements without anything that runs, loads or imitates.
 * @param {string} html
 * @returns {DocumentFragment}
 */
export function sanitise(html) {
  return ready().sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

function ready() {
  if (purifier) return purifier;
  const made = /** @type {any} */ (createPurifier(window));
  made.addHook("uponSanitizeAttribute", (/** @type {Element} */ node, /** @type {any} */ event) => {
    if (event.attrName !== "class") return;
    const names = String(event.attrValue).split(/\s+/).filter((name) => LANGUAGE.test(name));
    event.attrValue = names.join(" ");
    event.keepAttr = node.nodeName === "CODE" && names.length > 0;
  });
  purifier = made;
  return made;
}

/** @param {HTMLAnchorElement} link */
function secureLink(link) {
  if (!LINK.test((link.getAttribute("href") ?? "").trim())) {
    link.removeAttribute("href");
    return;
  }
  link.target = "_blank";
  link.rel = "noopener noreferrer";
}

/** @param {HTMLImageElement} picture */
function securePicture(picture) {
  const source = picture.getAttribute("src") ?? "";
  const alt = picture.alt || "picture";
  if (OWN_PICTURE.test(source)) {
    picture.alt = alt;
    return;
  }
  picture.removeAttribute("src");
  if (!REMOTE_PICTURE.test(source)) {
    picture.replaceWith(h("span", { class: "na-no-picture" }, `[${alt}]`));
    return;
  }
  const host = new URL(source).hostname;
  const load = () => offer.replaceWith(h("img", { src: source, alt, referrerpolicy: "no-referrer", loading: "lazy" }));
  const offer = h("button", { type: "button", class: "na-button na-load-picture", on: { click: load } }, `Load picture “${alt}” from ${host}`);
  picture.replaceWith(offer);
}

/** @param {string} code */
function stripEnd(code) {
  return code.replace(/\n$/, "");
}
