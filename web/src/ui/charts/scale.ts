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
