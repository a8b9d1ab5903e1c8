// The state of a lab is one text, name/word and what differs from the usual, which is also the link to it.
const OPTIONS = ["alone", "caption", "language", "seed"];
const USUAL = { alone: false, caption: "", language: "en", seed: 0 };

const part = (text) => encodeURIComponent(text).replaceAll("%20", "_");
const text = (part) => decodeURIComponent(part.replaceAll("_", " "));

/** {name, word, alone, caption, language, seed} of a text, null if it is no state; what it names is not looked up. */
export function parseState(written, languages) {
  const mark = written.indexOf("?");
  const [address, asked] = mark < 0 ? [written, ""] : [written.slice(0, mark), written.slice(mark + 1)];
  const parts = address.split("/");
  if (parts.length !== 2) return null;
  const options = {};
  try {
    for (const option of asked.split("&").filter(Boolean)) {
      const [name, ...values] = option.split("=");
      if (!OPTIONS.includes(name) || name in options || (name === "alone") === values.length > 0) return null;
      options[name] = name === "alone" || text(values.join("="));
    }
    if (!/^\d+$/.test(options.seed ?? "0") || Number(options.seed ?? 0) >= 2 ** 32) return null;
    const [name, word] = parts.map(text);
    const state = { ...USUAL, ...options, seed: Number(options.seed ?? 0), name, word };
    return languages.includes(state.language) ? state : null;
  } catch {
    return null; // a % that begins no character
  }
}

export function formatState(state) {
  const options = OPTIONS.filter((name) => state[name] !== USUAL[name]).map((name) =>
    name === "alone" ? name : `${name}=${part(String(state[name]))}`,
  );
  return `${part(state.name)}/${part(state.word)}${options.length ? "?" : ""}${options.join("&")}`;
}
