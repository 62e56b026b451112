const TICKS = 4;

/** Round numbers from zero to at least `most`. */
export function scaleTo(most: number): { ticks: number[]; top: number } {
  const rough = most / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(
    [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? power * 10,
    Number.EPSILON,
  );
  const whole = most >= TICKS ? Math.ceil(step * 1000) / 1000 : 1;
  const count = Math.ceil(most / whole - 1e-9);
  return { ticks: Array.from({ length: count + 1 }, (_, index) => index * whole), top: count * whole };
}

/** Runs of known values, as pairs of place and value; a gap is a gap, never a line through it. */
export function segments(values: readonly (number | null)[]): [number, number][][] {
  const found: [number, number][][] = [];
  let run: [number, number][] = [];
  values.forEach((value, index) => {
    if (value === null) {
      if (run.length > 0) found.push(run);
      run = [];
    } else run.push([index, value]);
  });
  if (run.length > 0) found.push(run);
  return found;
}

/** Where each part of a whole begins, and its share, from 0 to 1. */
export function arcs(values: readonly number[]): { start: number; share: number }[] {
  const whole = values.reduce((sum, value) => sum + value, 0);
  let start = 0;
  return values.map((value) => {
    const share = whole > 0 ? value / whole : 0;
    const arc = { start, share };
    start += share;
    return arc;
  });
}

const SERIES = 4;

/** The color of a part: the four of charts, then the same, paler. */
export const shade = (index: number) => {
  const color = `var(--series-${(index % SERIES) + 1})`;
  return index < SERIES ? color : `color-mix(in srgb, ${color} 55%, var(--surface))`;
};
