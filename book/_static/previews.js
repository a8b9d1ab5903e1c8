// What a link to an equation, a theorem, a term or a reference leads to is shown under the pointer, and on focus.
(() => {
  const KINDS = ".math, .proof, .citation, dt";

  /** A copy of what a link leads to, from this page or from a template that the build put here; null for other links. */
  function target(link) {
    const address = link.getAttribute("href");
    const kept = document.querySelector(`template[data-preview="${CSS.escape(address)}"]`);
    if (kept) return kept.content.cloneNode(true);
    const here = address.startsWith("#") && document.getElementById(decodeURIComponent(address.slice(1)));
    if (!here || !here.matches(KINDS)) return null;
    let shown = here;
    while (shown.matches("dt")) shown = shown.nextElementSibling; // past other names of the same term
    const copy = shown.cloneNode(true);
    for (const named of [copy, ...copy.querySelectorAll("[id]")]) named.removeAttribute("id");
    return copy;
  }

  const box = document.createElement("div");
  box.className = "preview";
  box.setAttribute("role", "tooltip");
  box.id = "preview";
  box.hidden = true;

  async function show(link) {
    const copy = target(link);
    if (!copy) return;
    box.replaceChildren(copy);
    box.hidden = false;
    link.setAttribute("aria-describedby", box.id);
    if (box.textContent.includes("\\") && !box.querySelector("mjx-container")) await window.MathJax?.typesetPromise?.([box]);
    const at = link.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, document.documentElement.clientWidth - box.offsetWidth - 8));
    const above = at.bottom + box.offsetHeight + 8 > innerHeight && at.top > box.offsetHeight + 8;
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${scrollY + (above ? at.top - box.offsetHeight - 4 : at.bottom + 4)}px`;
  }

  function hide(link) {
    box.hidden = true;
    link?.removeAttribute?.("aria-describedby");
  }

  addEventListener("DOMContentLoaded", () => {
    document.body.append(box);
    for (const link of document.querySelectorAll("main a.internal[href*='#']")) {
      link.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(link));
      link.addEventListener("focus", () => link.matches(":focus-visible") && show(link));
      for (const event of ["pointerleave", "blur"]) link.addEventListener(event, () => hide(link));
    }
    addEventListener("keydown", (event) => event.key === "Escape" && hide(document.querySelector("[aria-describedby=preview]")));
  });
})();
