/** Tiles on 12 columns, and everything that editing does to them: pointer, keyboard and menu say the same things to one reducer. */

export const COLUMNS = 12;
export const TALLEST = 12;
const LOWEST = 480;

export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Placed extends Box {
  id: string;
}

/** What is edited: what a dashboard would show. */
export interface Content<T extends Placed> {
  name: string;
  description: string;
  days: number;
  tiles: T[];
}

/** What was done last, for whoever does not see it. */
export interface Said extends Box {
  what: "lifted" | "moved" | "sized" | "dropped" | "canceled" | "added" | "removed";
  id: string;
  /** Another number each time, so that the same thing twice is told twice. */
  time: number;
}

export interface Editing<T extends Placed> {
  content: Content<T>;
  chosen: string | null;
  /** A tile in the air, and how all lay before. */
  lifted: { id: string; before: T[] } | null;
  said: Said | null;
}

export type Act<T extends Placed> =
  | { act: "choose"; id: string | null }
  | { act: "lift"; id: string }
  | { act: "move"; dx: number; dy: number }
  | { act: "size"; dw: number; dh: number }
  | { act: "place"; box: Partial<Box> }
  | { act: "drop" }
  | { act: "cancel" }
  | { act: "nudge"; id: string; by: Partial<Box> }
  | { act: "add"; tile: T }
  | { act: "remove"; id: string }
  | { act: "change"; id: string; part: Partial<T> }
  | { act: "describe"; part: Partial<Omit<Content<T>, "tiles">> }
  | { act: "reset"; content: Content<T> };

const between = (least: number, value: number, most: number) => Math.min(most, Math.max(least, value));

/** The nearest place that there is. */
export function fitting({ x, y, w, h }: Box): Box {
  const width = between(1, w, COLUMNS);
  return { x: between(0, x, COLUMNS - width), y: between(0, y, LOWEST), w: width, h: between(1, h, TALLEST) };
}

export const overlaps = (a: Box, b: Box) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** As one reads them. */
export const inOrder = <T extends Box>(tiles: readonly T[]): T[] => [...tiles].sort((a, b) => a.y - b.y || a.x - b.x);

/** All tiles with one of them at `box`: those in its way go down, and those in theirs. */
export function moved<T extends Placed>(tiles: readonly T[], id: string, box: Box): T[] {
  const fixed = tiles.find((tile) => tile.id === id);
  if (fixed === undefined) return [...tiles];
  const laid: T[] = [{ ...fixed, ...fitting(box) }];
  for (const tile of inOrder(tiles.filter((each) => each.id !== id))) {
    let y = tile.y;
    for (;;) {
      const at = { ...tile, y };
      const under = laid.filter((other) => overlaps(at, other));
      if (under.length === 0) break;
      y = Math.max(...under.map((other) => other.y + other.h));
    }
    laid.push({ ...tile, y });
  }
  return tiles.map((tile) => laid.find(({ id: each }) => each === tile.id) as T);
}

/** Without rows in which nothing lies. */
export function closed<T extends Box>(tiles: readonly T[]): T[] {
  const used = new Set(tiles.flatMap(({ y, h }) => Array.from({ length: h }, (_, row) => y + row)));
  const above = (y: number) => Array.from({ length: y }, (_, row) => row).filter((row) => !used.has(row)).length;
  return tiles.map((tile) => ({ ...tile, y: tile.y - above(tile.y) }));
}

/** The first place below everything, or beside the last row where there is room. */
export function room(tiles: readonly Box[], w: number, h: number): Box {
  const bottom = Math.max(0, ...tiles.map((tile) => tile.y + tile.h));
  for (let y = 0; y <= bottom; y += 1) {
    for (let x = 0; x + w <= COLUMNS; x += 1) {
      const box = { x, y, w, h };
      if (!tiles.some((tile) => overlaps(box, tile))) return box;
    }
  }
  return { x: 0, y: bottom, w, h };
}

let times = 0;
const told = (what: Said["what"], tile: Placed): Said => ({
  what,
  id: tile.id,
  x: tile.x,
  y: tile.y,
  w: tile.w,
  h: tile.h,
  time: ++times,
});

/** What becomes of what is edited. What changes nothing gives back the same content, so that nothing is kept for it. */
export function edited<T extends Placed>(state: Editing<T>, act: Act<T>): Editing<T> {
  const { content, lifted } = state;
  const tileOf = (id: string) => content.tiles.find((tile) => tile.id === id);
  const withTiles = (tiles: T[]) => (same(tiles, content.tiles) ? content : { ...content, tiles });
  const hold = (what: "moved" | "sized", change: (box: Box) => Box): Editing<T> => {
    const before = lifted?.before.find((tile) => tile.id === lifted.id);
    const now = lifted && tileOf(lifted.id);
    if (!lifted || !before || !now) return state;
    const box = fitting(change(now));
    if (box.x === now.x && box.y === now.y && box.w === now.w && box.h === now.h) return state;
    return { ...state, content: withTiles(moved(lifted.before, lifted.id, box)), said: told(what, { ...now, ...box }) };
  };
  switch (act.act) {
    case "choose":
      return { ...state, chosen: act.id };
    case "lift": {
      const tile = tileOf(act.id);
      return tile ? { ...state, lifted: { id: act.id, before: content.tiles }, said: told("lifted", tile) } : state;
    }
    case "move":
      return hold("moved", (box) => ({ ...box, x: box.x + act.dx, y: box.y + act.dy }));
    case "size":
      return hold("sized", (box) => ({ ...box, w: between(1, box.w + act.dw, COLUMNS - box.x), h: box.h + act.dh }));
    case "place":
      return hold(act.box.w === undefined ? "moved" : "sized", (box) => ({ ...box, ...act.box }));
    case "drop": {
      const tile = lifted && tileOf(lifted.id);
      if (!lifted || !tile) return state;
      const tiles = same(content.tiles, lifted.before) ? lifted.before : closed(content.tiles);
      const landed = tiles.find(({ id }) => id === lifted.id) ?? tile;
      return { ...state, content: withTiles(tiles), lifted: null, said: told("dropped", landed) };
    }
    case "cancel": {
      if (!lifted) return state;
      const tile = lifted.before.find(({ id }) => id === lifted.id) as T;
      return { ...state, content: withTiles(lifted.before), lifted: null, said: told("canceled", tile) };
    }
    case "nudge": {
      const { x = 0, y = 0, w = 0, h = 0 } = act.by;
      const up = edited(state, { act: "lift", id: act.id });
      const there = w || h ? edited(up, { act: "size", dw: w, dh: h }) : edited(up, { act: "move", dx: x, dy: y });
      return edited(there, { act: "drop" });
    }
    case "add":
      return { ...state, chosen: act.tile.id, content: withTiles([...content.tiles, act.tile]), said: told("added", act.tile) };
    case "remove": {
      const tile = tileOf(act.id);
      if (!tile) return state;
      const tiles = closed(content.tiles.filter(({ id }) => id !== act.id));
      return { content: withTiles(tiles), lifted: null, chosen: null, said: told("removed", tile) };
    }
    case "change":
      return {
        ...state,
        content: withTiles(content.tiles.map((tile) => (tile.id === act.id ? { ...tile, ...act.part } : tile))),
      };
    case "describe":
      return { ...state, content: { ...content, ...act.part } };
    case "reset":
      return { content: act.content, chosen: null, lifted: null, said: null };
  }
}

const same = <T extends Box>(a: readonly T[], b: readonly T[]) =>
  a === b || (a.length === b.length && JSON.stringify(a) === JSON.stringify(b));
