// The network by hand as it is shipped, and what the package says: tests/test_network_engine.py writes both.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.env.NETWORK_VALUES;
if (!folder) throw new Error("NETWORK_VALUES must name the folder that tests/test_network_engine.py writes");

/** Numbers of a file, in memory of their own. */
export function numbers(name, Kind = Float32Array) {
  const { buffer, byteOffset, byteLength } = readFileSync(join(folder, `${name}.bin`));
  return new Kind(buffer.slice(byteOffset, byteOffset + byteLength));
}

export const values = JSON.parse(readFileSync(join(folder, "values.json"), "utf8"));
export const js = await import(pathToFileURL(join(folder, "network.mjs")));
export const net = js.loadNetwork({ ...values.network, halves: numbers("halves", Uint8Array) });

/** The largest difference of two lists. */
export const apart = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
