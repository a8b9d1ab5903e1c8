import { bytes } from "../common/numbers.js";
import { CODE } from "./code.js";
import { plainKernels } from "./plain.js";

const PAGE = 65536; // bytes

/** {products, mix, compare, rows, buffer, fast}: the functions of products.wat in a memory of that many bytes. */
export function kernels(size) {
  const pages = Math.ceil(size / PAGE);
  try {
    const memory = new WebAssembly.Memory({ initial: pages });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes(CODE)), { e: { memory } });
    return { ...exports, buffer: memory.buffer, fast: true };
  } catch (error) {
    if (error instanceof RangeError) throw error; // too little memory is no question of code
    const buffer = new ArrayBuffer(pages * PAGE);
    return { ...plainKernels(buffer), buffer, fast: false };
  }
}
