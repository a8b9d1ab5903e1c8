import { make } from "../common/elements.js";
import { choose, faceButton } from "./picker.js";
import { many, sentence } from "./telling.js";

/** The sentence that counts, and thumbnails of what fits the context, marked where the word fits too. */
export function counting(lab) {
  const counted = make("p", { className: "count" });
  const fitting = make("div", { className: "fitting", role: "group" });
  fitting.setAttribute("aria-label", "Emoji that fit the context; a frame marks those that the word fits too");
  fitting.addEventListener("click", ({ target }) => choose(lab, target));
  return {
    elements: [counted, fitting],
    text: () => counted.textContent,
    update() {
      const { faces = [], words, word } = lab.case;
      counted.replaceChildren(...sentence(lab.case));
      const count = words.find(({ key }) => key === word)?.count ?? 0;
      fitting.replaceChildren(...faces.map((one) => thumbnail(lab, one)));
      if (count > faces.length && faces.length)
        fitting.append(make("span", { className: "small", textContent: `+${many(count - faces.length)}` }));
    },
  };
}

function thumbnail(lab, { k, url, name, fits }) {
  const one = url ? make("span", { className: "thumb", title: name }, lab.face({ url })) : faceButton(lab, k);
  one.classList.toggle("fits", fits);
  if (url) one.setAttribute("role", "img");
  else one.tabIndex = 0;
  one.setAttribute("aria-label", fits ? `${name}, which the word fits` : name);
  return one;
}
