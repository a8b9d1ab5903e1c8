// Prints the functions of the JavaScript files that are named, [{file, name, lines}], as node's own parser sees them.
// Run as: node --expose-internals functions.cjs FILE …
const { readFileSync } = require("node:fs");
const { parse } = require("internal/deps/acorn/acorn/dist/acorn");
const { ancestor } = require("internal/deps/acorn/acorn-walk/dist/walk");

function nameOf({ id }, parents) {
  const parent = parents.at(-2);
  return (id ?? parent?.key ?? parent?.id)?.name ?? "a function without a name";
}

function functionsOf(file) {
  const tree = parse(readFileSync(file, "utf8"), { ecmaVersion: "latest", sourceType: "module", locations: true });
  const found = [];
  const add = (node, _, parents) =>
    found.push({ file, name: nameOf(node, parents), lines: node.loc.end.line - node.loc.start.line + 1 });
  ancestor(tree, { FunctionDeclaration: add, FunctionExpression: add, ArrowFunctionExpression: add });
  return found;
}

console.log(JSON.stringify(process.argv.slice(2).flatMap(functionsOf)));
