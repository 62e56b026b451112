/** Something with a middle. */
export interface Box {
  x: number;
  y: number;
}

export interface Placed extends Box {
  id: string;
}

/** What of a drawing is in sight. */
export interface View extends Box {
  width: number;
  height: number;
}

const MARGIN = 48;
const LEAST_WIDTH = 720;
const LEAST_HEIGHT = 400;
const SIDEWAYS = 2.5;

/** A view that holds all of it, and is never so near that a few nodes become huge. */
export function frame(items: readonly Box[], width: number, height: number): View {
  const xs = items.map(({ x }) => x);
  const ys = items.map(({ y }) => y);
  const left = Math.min(...xs) - width / 2 - MARGIN;
  const right = Math.max(...xs) + width / 2 + MARGIN;
  const top = Math.min(...ys) - height / 2 - MARGIN;
  const bottom = Math.max(...ys) + height / 2 + MARGIN;
  const wide = Math.max(right - left, LEAST_WIDTH);
  const high = Math.max(bottom - top, LEAST_HEIGHT);
  return { x: (left + right - wide) / 2, y: (top + bottom - high) / 2, width: wide, height: high };
}

/** The view nearer (`factor` below 1) or farther, around a point of it between 0 and 1. */
export function zoomed(view: View, factor: number, around: Box = { x: 0.5, y: 0.5 }): View {
  const width = Math.min(Math.max(view.width * factor, 200), 20_000);
  const height = view.height * (width / view.width);
  return { x: view.x + (view.width - width) * around.x, y: view.y + (view.height - height) * around.y, width, height };
}

/** The item that an arrow key leads to: the nearest in that direction, what lies aside counting more than what lies ahead. */
export function nearest<T extends Placed>(
  items: readonly T[],
  from: Placed,
  towards: readonly [number, number],
): T | undefined {
  let best: T | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const item of items) {
    if (item.id === from.id) continue;
    const dx = item.x - from.x;
    const dy = item.y - from.y;
    const ahead = dx * towards[0] + dy * towards[1];
    const aside = Math.abs(dx * towards[1]) + Math.abs(dy * towards[0]);
    if (ahead <= 0) continue;
    const distance = ahead + SIDEWAYS * aside;
    if (distance < least) {
      best = item;
      least = distance;
    }
  }
  return best;
}
