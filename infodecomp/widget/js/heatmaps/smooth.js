/** Where the pixels along one side of a bilinear map look, magnified: lower cell, upper cell, weight of the upper. */
export function neighbours(count, magnified) {
  return Array.from({ length: count * magnified }, (_, i) => {
    const at = Math.min(Math.max((i + 0.5) / magnified - 0.5, 0), count - 1);
    const low = Math.floor(at);
    return [low, Math.min(low + 1, count - 1), at - low];
  });
}

/** The value of a map (rows × width) between four cells. */
export function between(map, width, [top, bottom, down], [left, right, across]) {
  const above = map[top * width + left] * (1 - across) + map[top * width + right] * across;
  const below = map[bottom * width + left] * (1 - across) + map[bottom * width + right] * across;
  return above * (1 - down) + below * down;
}
