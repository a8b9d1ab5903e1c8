/** Calls tell with whether the text of an element is light, now and whenever the page's or reader's theme changes. */
export function watchNight(el, tell) {
  const look = () => {
    const [red, green, blue] = getComputedStyle(el).color.match(/[\d.]+/g).map(Number);
    const night = 0.3 * red + 0.59 * green + 0.11 * blue > 128;
    el.toggleAttribute("data-night", night);
    tell(night);
  };
  const seen = new MutationObserver(look);
  for (const root of [document.documentElement, document.body])
    seen.observe(root, { attributeFilter: ["data-theme", "class", "style", "data-jp-theme-light"] });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", look);
  look();
  return () => {
    seen.disconnect();
    dark.removeEventListener("change", look);
  };
}
