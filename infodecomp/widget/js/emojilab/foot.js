import { make } from "../common/elements.js";
import { button, select } from "../lab/controls.js";

const LICENCE = "https://creativecommons.org/licenses/by-sa/4.0/";

/** Language, saving, the link to the state, and whose the pictures are. */
export function foot(lab) {
  const language = select("Language of the names ", lab.languages, (chosen) => lab.translate(chosen));
  for (const one of language.querySelectorAll("option")) one.textContent = ownName(one.value);
  const save = button("Save the picture", () => download(lab));
  const link = make(lab.page ? "a" : "code", { className: "link", textContent: "link to this case" });
  const open = make("a", { href: "https://openmoji.org", textContent: "OpenMoji" });
  const terms = make("a", { href: LICENCE, textContent: "CC BY-SA 4.0" });
  const same = "; a picture that is saved here has the same licence. Names: Unicode.";
  const whose = make("p", { className: "small" }, "Drawings: ", open, ", ", terms, same);
  return {
    elements: [make("p", { className: "row" }, language, save, link), whose],
    update() {
      language.querySelector("select").value = lab.state.language;
      if (lab.page) link.href = `#${lab.address}`;
      else link.textContent = `idc.EmojiLab(state="${lab.address}")`;
    },
  };
}

/** What a language calls itself. */
const ownName = (code) => new Intl.DisplayNames([code], { type: "language" }).of(code);

/** The map as a PNG, ten times as large. */
function download(lab) {
  const { size, map, case: shown } = lab;
  const large = make("canvas", { width: 10 * size, height: 10 * size });
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(map.canvas, 0, 0, large.width, large.height);
  large.toBlob((blob) => {
    const href = URL.createObjectURL(blob);
    const file = [shown.name, shown.word].filter(Boolean).join(" - ").replaceAll("/", " ");
    make("a", { href, download: `${file}.png` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  });
}
