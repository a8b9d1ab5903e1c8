import { make } from "../common/elements.js";
import { button } from "../lab/controls.js";
import { many } from "./telling.js";

const MOST = 2000; // emoji in the grid

/** Search, kinds, and a grid of emoji. */
export function picker(lab) {
  const search = make("input", { type: "search", placeholder: "Search: cat, red heart, clock …" });
  search.autocomplete = "off";
  search.setAttribute("aria-label", "Search emoji by words of their names");
  const kinds = make("div", { className: "kinds", role: "group", ariaLabel: "Kinds of emoji" });
  const { grid, found, show, mark, cellOf } = emojiGrid(lab);
  const all = button("Show all emoji", () => lab.withWorld(() => kinds.querySelector("button")?.focus()));
  let last = 0; // the kind that was shown
  const list = (pictures, kind) => {
    last = kind ?? 0;
    for (const one of kinds.children) one.setAttribute("aria-pressed", String(Number(one.value) === kind));
    show(pictures);
  };
  const browse = (kind) => list(lab.world.all.filter((k) => Number(lab.world.kind[k]) === kind), kind);
  const look = () => (search.value.trim() ? list(lab.world.search(search.value)) : browse(last));
  const kindButton = (name, value) => {
    const act = () => {
      search.value = "";
      browse(value);
    };
    return Object.assign(button(name, act), { value });
  };
  search.addEventListener("focus", () => lab.withWorld());
  search.addEventListener("input", () => lab.withWorld(look));
  return {
    elements: [search, kinds, all, grid, found],
    /** The pictures are there. */
    open() {
      all.remove();
      kinds.replaceChildren(...lab.world.kinds.map(kindButton));
      look();
    },
    update() {
      if (!lab.world) return;
      if (!cellOf(lab.case.picture)) browse(Number(lab.world.kind[lab.case.picture]));
      mark(true);
    },
  };
}

/** The grid, how many emoji it has, what shows some in it, and what marks the chosen one. */
function emojiGrid(lab) {
  const grid = make("div", { className: "grid", role: "group" });
  grid.setAttribute("aria-label", "Emoji: arrow keys move, Enter chooses");
  const found = make("p", { className: "small", role: "status" });
  const cellOf = (picture) => [...grid.children].find(({ value }) => Number(value) === picture);
  const mark = (scroll) => {
    const chosen = cellOf(lab.case.picture);
    const stop = chosen ?? grid.firstChild; // the one that Tab reaches
    for (const one of grid.children) {
      one.setAttribute("aria-pressed", String(one === chosen));
      if (!grid.contains(document.activeElement)) one.tabIndex = one === stop ? 0 : -1;
    }
    if (scroll && chosen && !chosen.matches(":hover, :focus"))
      grid.scrollTo(chosen.offsetLeft - 60, chosen.offsetTop - 120);
  };
  const show = (pictures) => {
    grid.replaceChildren(...pictures.slice(0, MOST).map((k) => faceButton(lab, k)));
    const cut = pictures.length > MOST ? `, the first ${many(MOST)} shown` : "";
    found.textContent = `${many(pictures.length)} emoji${cut}`;
    mark();
  };
  grid.addEventListener("click", ({ target }) => choose(lab, target));
  grid.addEventListener("keydown", (event) => walk(grid, event));
  return { grid, found, show, mark, cellOf };
}

export function faceButton(lab, k) {
  const name = lab.world.names[k][0];
  const one = make("button", { type: "button", value: k, title: name, tabIndex: -1 }, lab.faces.face(k));
  one.setAttribute("aria-label", name);
  return one;
}

/** Chooses the emoji of the button that was clicked. */
export function choose(lab, target) {
  const one = target.closest("button[value]");
  if (one) lab.change({ name: lab.world.names[Number(one.value)][0], word: "", caption: "" });
}

/** Arrow keys, Home and End move the focus in a grid. */
function walk(grid, event) {
  const cells = [...grid.children];
  const across = cells.filter(({ offsetTop }) => offsetTop === cells[0].offsetTop).length;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -Infinity, End: Infinity };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const now = cells.indexOf(document.activeElement);
  const to = cells[Math.min(cells.length - 1, Math.max(0, now + steps[event.key]))];
  if (cells[now]) cells[now].tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}
