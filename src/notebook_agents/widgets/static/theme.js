/**
 * Whether the page around a widget is dark: for fallbacks of the style sheet where the front end
 * gives no colours of its own.
 */

/** @param {string} colour as computed styles give it */
export function luminance(colour) {
  const parts = colour.match(/[\d.]+/g)?.map(Number) ?? [];
  if (parts.length < 3 || parts[3] === 0) return null;
  const [red, green, blue] = parts.slice(0, 3).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @param {HTMLElement} element */
export function isDarkAround(element) {
  const { body, documentElement: page } = document;
  const told = body.dataset.jpThemeLight;
  if (told) return told === "false";
  if (body.classList.contains("vscode-dark") || body.classList.contains("vscode-high-contrast")) return true;
  if (body.classList.contains("vscode-light") || page.getAttribute("theme") === "light") return false;
  if (page.getAttribute("theme") === "dark") return true;
  for (let each = element.parentElement; each; each = each.parentElement) {
    const found = luminance(getComputedStyle(each).backgroundColor);
    if (found !== null) return found < 0.4;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * Keep `data-theme` of an element up to date; returns what ends that.
 * @param {HTMLElement} element
 */
export function followTheme(element) {
  const set = () => {
    element.dataset.theme = isDarkAround(element) ? "dark" : "light";
  };
  const observer = new MutationObserver(set);
  const options = { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-jp-theme-name", "theme"] };
  observer.observe(document.body, options);
  observer.observe(document.documentElement, options);
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", set);
  // The element gets its place on the page after it was made.
  requestAnimationFrame(set);
  set();
  return () => {
    observer.disconnect();
    media.removeEventListener("change", set);
  };
}
