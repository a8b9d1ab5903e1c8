import { distance, keyOf, keysOf } from "./words.js";

/** Pictures of emoji with their names in one language, and counting, as infodecomp.emoji counts. */
export class World {
  /** pictures, names: packs, as infodecomp.widget.emojipack writes them. */
  constructor(pictures, names, language) {
    Object.assign(this, { language, size: pictures.size, kinds: pictures.kinds, kind: pictures.kind });
    this.characters = pictures.characters.map((those) => those.split(" "));
    this.names = names.names.map((those) => those.split("\t"));
    this.all = [...this.names.keys()];
    this.sets = []; // {picture, name, words, keys} of each name
    this.having = new Map(); // numbers of the names that have a word
    this.places = new Map(); // picture of a name or a character
    for (const picture of this.all) {
      for (const name of this.names[picture]) this.add(picture, name, names.keys[name] ?? keysOf(name));
      for (const character of this.characters[picture]) this.places.set(plain(character), picture);
    }
  }

  add(picture, name, keys) {
    const words = new Set(keys);
    for (const word of words) this.having.set(word, [...(this.having.get(word) ?? []), this.sets.length]);
    this.places.set(name, picture);
    this.sets.push({ picture, name, words, keys });
  }

  get many() {
    return this.all.length;
  }

  /** The picture with that name or character, undefined if there is none. */
  find(text) {
    return this.places.get(text) ?? this.places.get(plain(text));
  }

  /** A character's name, a name itself. */
  nameOf(text) {
    const picture = this.find(text);
    const which = this.characters[picture].findIndex((character) => plain(character) === plain(text));
    return which < 0 ? text : this.names[picture][which];
  }

  /** The words of a name or caption, each once: [[as counted, as written]]. */
  wordsOf(text) {
    const parts = text.split(/\s+/).filter((part) => keyOf(part));
    const keys = this.sets.find(({ name }) => name === text)?.keys ?? parts.map(keyOf);
    const found = new Map();
    keys.forEach((key, i) => found.has(key) || found.set(key, keys.length === parts.length ? parts[i] : key));
    return [...found];
  }

  /** The pictures one of whose names has all these words. */
  fitting(words) {
    if (!words.length) return this.all;
    const lists = words.map((word) => this.having.get(word) ?? []);
    const shortest = lists.reduce((a, b) => (b.length < a.length ? b : a));
    const fits = (number) => words.every((word) => this.sets[number].words.has(word));
    return [...new Set(shortest.filter(fits).map((number) => this.sets[number].picture))];
  }

  /** What is wrong with a caption, in one line; "" if nothing is. */
  refusal(words) {
    for (const word of words)
      if (!this.having.has(word)) return `No emoji has the word “${word}”, the nearest is “${this.nearest(word)}”.`;
    if (this.fitting(words).length) return "";
    return `No emoji has all of these words; the largest part that fits is “${this.largest(words).join(" ")}”.`;
  }

  nearest(word) {
    let [best, least] = ["", Infinity];
    for (const other of this.having.keys()) {
      const far = distance(word, other, least);
      if (far < least) [best, least] = [other, far];
    }
    return best;
  }

  /** Most of the words that one name has. */
  largest(words) {
    const parts = this.sets.map((set) => words.filter((word) => set.words.has(word)));
    return parts.reduce((best, part) => (part.length > best.length ? part : best), []);
  }

  /** Pictures whose names have words that begin like those asked for, or the emoji itself. */
  search(text) {
    const asked = keysOf(text);
    const fits = ({ words, picture }) =>
      asked.every((part) => this.find(part) === picture || [...words].some((word) => word.startsWith(part)));
    return [...new Set(this.sets.filter(fits).map(({ picture }) => picture))];
  }
}

const plain = (character) => character.replaceAll("\ufe0f", "");
