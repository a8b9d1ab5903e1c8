/** An element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A group of controls with its title. */
export function fieldset(title, className, ...children) {
  return make("fieldset", { className }, make("legend", { textContent: title }), ...children);
}
