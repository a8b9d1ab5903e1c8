import { make } from "../common/elements.js";

/** A radio button in its label; those of one field of a lab exclude each other. */
export function radio(lab, field, value, label, choose) {
  const input = make("input", { type: "radio", name: `${lab.group}-${field}`, value });
  input.addEventListener("change", () => choose(value));
  return make("label", { className: "kind" }, input, label);
}

/** Checks the radio button of a field that has this value. */
export function check(lab, field, value) {
  const inputs = lab.el.querySelectorAll(`input[name="${lab.group}-${field}"]`);
  for (const input of inputs) input.checked = input.value === String(value);
}

export function group(title, ...children) {
  return make("fieldset", {}, make("legend", { textContent: title }), ...children);
}

export function select(label, options, choose) {
  const element = make("select");
  element.append(...options.map((value) => make("option", { value, textContent: value })));
  element.addEventListener("change", () => choose(element.value));
  return make("label", {}, label, element);
}

export function button(text, act) {
  const element = make("button", { type: "button", textContent: text });
  element.addEventListener("click", act);
  return element;
}

/** A square canvas, which is a picture for screen readers if it has a label. */
export function canvas(side, label) {
  const element = make("canvas", { width: side, height: side });
  if (label) {
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", label);
  }
  return element;
}

export const figure = (picture, text) => make("figure", {}, picture, text);
