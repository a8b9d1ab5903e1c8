import { make } from "../common/elements.js";

/** The state as a link, or as Python where the address is not this lab's. */
export function linkLine(lab) {
  const link = lab.page
    ? make("a", { className: "link", textContent: "link to this state" })
    : make("code", { className: "link" });
  return {
    elements: [link],
    update() {
      if (lab.page) link.href = `#lab:${lab.address}`;
      else link.textContent = `idc.SceneLab(state="${lab.address}")`;
    },
  };
}
