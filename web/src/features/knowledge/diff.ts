/** A line of two texts that are compared. */
export interface Line {
  sign: "same" | "gone" | "came";
  text: string;
}

const MOST = 2_000;

/** What is other in a text than before, line by line (longest common subsequence); very long ones are shown one after the other. */
export function difference(before: string, after: string): Line[] {
  const [old, next] = [before.split("\n"), after.split("\n")];
  if (old.length * next.length > MOST * MOST) {
    return [...old.map((text) => ({ sign: "gone" as const, text })), ...next.map((text) => ({ sign: "came" as const, text }))];
  }
  const width = next.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  const at = (row: number, column: number) => common[row * width + column] as number;
  for (let row = old.length - 1; row >= 0; row -= 1) {
    for (let column = next.length - 1; column >= 0; column -= 1) {
      common[row * width + column] =
        old[row] === next[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: Line[] = [];
  let [row, column] = [0, 0];
  while (row < old.length || column < next.length) {
    if (row < old.length && column < next.length && old[row] === next[column]) {
      lines.push({ sign: "same", text: old[row] as string });
      row += 1;
      column += 1;
    } else if (column >= next.length || (row < old.length && at(row + 1, column) >= at(row, column + 1))) {
      lines.push({ sign: "gone", text: old[row] as string });
      row += 1;
    } else {
      lines.push({ sign: "came", text: next[column] as string });
      column += 1;
    }
  }
  return lines;
}
