import assert from "node:assert/strict";
import { test } from "node:test";
import { engine, near, values } from "./values.js";

const SKY = 32 * values.world.sky; // pixels

test("pictures are the package's, in units of x and in bytes", () => {
  for (const { scene, x, bytes } of values.scenes) {
    near(engine.picture(scene), x, JSON.stringify(scene));
    const shown = engine.rgba(engine.picture(scene));
    for (let pixel = 0; pixel < 1024; pixel++) {
      for (let channel = 0; channel < 3; channel++)
        assert.ok(Math.abs(shown[4 * pixel + channel] - bytes[3 * pixel + channel]) <= 1);
      assert.equal(shown[4 * pixel + 3], 255);
    }
  }
});

test("night changes the sky and nothing else", () => {
  const { scene } = values.scenes[0];
  const [day, night] = [0, 1].map((hour) => engine.picture({ ...scene, night: hour }));
  const changed = [...day.keys()].filter((i) => day[i] !== night[i]).map((i) => i % 1024);
  assert.ok(changed.length > SKY / 2 && Math.max(...changed) < SKY);
});

test("bytes stay within their range", () => {
  const far = new Float64Array(3072).fill(50);
  assert.deepEqual([...engine.rgba(far).slice(0, 4)], [255, 255, 255, 255]);
  assert.deepEqual([...engine.rgba(far.map((v) => -v)).slice(0, 4)], [0, 0, 0, 255]);
});
