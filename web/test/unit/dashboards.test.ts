import { beforeAll, describe, expect, test } from "vitest";
import { csvOf } from "@/features/dashboards/csv";
import type { Board, Data, Row, Tile, TileData } from "@/features/dashboards/data";
import { drill } from "@/features/dashboards/drill";
import { type Act, closed, type Editing, edited, moved, overlaps, type Placed, room } from "@/features/dashboards/layout";
import { amountsOf, cellsOf, daysOf, linesOf, together, wanted } from "@/features/dashboards/shape";
import { words } from "@/i18n";

beforeAll(() => words("core", "insight"));

const box = (id: string, x: number, y: number, w = 3, h = 2): Placed => ({ id, x, y, w, h });
const begun = (...tiles: Placed[]): Editing<Placed> => ({
  content: { name: "Desk", description: "", days: 30, tiles },
  chosen: null,
  lifted: null,
  said: null,
});
const through = (state: Editing<Placed>, ...acts: Act<Placed>[]) => acts.reduce(edited, state);
const at = (state: Editing<Placed>, id: string) => state.content.tiles.find((tile) => tile.id === id);

describe("the layout", () => {
  test("what is in the way goes down, and nothing lies over anything, wherever a tile goes", () => {
    let seed = 7;
    const random = (most: number) => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed % most;
    };
    let state = begun(box("a", 0, 0), box("b", 3, 0), box("c", 6, 0, 6, 4), box("d", 0, 2, 6, 2), box("e", 0, 4, 12, 3));
    for (let turn = 0; turn < 400; turn += 1) {
      const id = "abcde"[random(5)] as string;
      const by = turn % 2 ? { x: random(9) - 4, y: random(9) - 4 } : { w: random(5) - 2, h: random(5) - 2 };
      state = edited(state, { act: "nudge", id, by });
      const { tiles } = state.content;
      for (const one of tiles) {
        expect(one.x >= 0 && one.y >= 0 && one.w >= 1 && one.h >= 1 && one.x + one.w <= 12).toBe(true);
        for (const other of tiles) if (one !== other) expect(overlaps(one, other)).toBe(false);
      }
      expect(closed(tiles)).toEqual(tiles);
      expect(state.lifted).toBeNull();
    }
  });

  test("a tile that is put back leaves all as it was, and nothing to keep", () => {
    const first = begun(box("a", 0, 0), box("b", 3, 0));
    const up = through(first, { act: "lift", id: "a" }, { act: "move", dx: 3, dy: 0 });
    expect(at(up, "b")).toEqual(box("b", 3, 2));
    const back = edited(up, { act: "cancel" });
    expect(back.content.tiles).toBe(first.content.tiles);
    expect(back.said?.what).toBe("canceled");
    const nowhere = through(first, { act: "lift", id: "a" }, { act: "drop" });
    expect(nowhere.content).toBe(first.content);
  });

  test("pointer, keyboard and menu do the same", () => {
    const first = begun(box("a", 0, 0), box("b", 3, 0));
    const keys = through(first, { act: "lift", id: "a" }, ...Array(4).fill({ act: "move", dx: 1, dy: 0 }), { act: "drop" });
    const pointer = through(first, { act: "lift", id: "a" }, { act: "place", box: { x: 4, y: 0 } }, { act: "drop" });
    const menu = through(first, { act: "nudge", id: "a", by: { x: 4 } });
    expect(keys.content).toEqual(pointer.content);
    expect(menu.content).toEqual(pointer.content);
    expect(at(menu, "b")).toEqual(box("b", 3, 2));
  });

  test("what is said is where the tile is", () => {
    const state = through(begun(box("a", 0, 0)), { act: "lift", id: "a" }, { act: "size", dw: 20, dh: 1 });
    expect(state.said).toMatchObject({ what: "sized", x: 0, w: 12, h: 3 });
    const wall = edited(state, { act: "move", dx: -1, dy: 0 });
    expect(wall).toBe(state);
  });

  test("a new tile takes the first room there is", () => {
    expect(room([], 3, 2)).toEqual({ x: 0, y: 0, w: 3, h: 2 });
    expect(room([box("a", 0, 0), box("b", 6, 0, 6, 2)], 3, 2)).toEqual({ x: 3, y: 0, w: 3, h: 2 });
    expect(room([box("a", 0, 0, 12, 2)], 3, 2)).toEqual({ x: 0, y: 2, w: 3, h: 2 });
  });

  test("removing closes the rows that are empty then", () => {
    const state = edited(begun(box("a", 0, 0, 12, 2), box("b", 0, 2)), { act: "remove", id: "a" });
    expect(state.content.tiles).toEqual([box("b", 0, 0)]);
  });

  test("what lies beside stays where it is", () => {
    const tiles = [box("a", 0, 0), box("b", 6, 5)];
    expect(moved(tiles, "a", box("a", 0, 5))).toEqual([box("a", 0, 5), box("b", 6, 5)]);
  });
});

const tile = (part: Partial<Tile>): Tile => ({
  ...{ id: "t", kind: "BAR", title: "", kpi: "incident-volume", groupBy: "", filter: "", series: [], measure: "VALUE" },
  ...{ days: 0, allTime: false, text: "", x: 0, y: 0, w: 4, h: 4, ...part },
});
const row = (group: string, series: string, value: number): Row => ({ group, series, value, count: value });
const data = (unit: string, ...rows: Row[]): TileData => ({
  tileId: "t",
  fault: "",
  groupsLeftOut: 0,
  kpi: { name: "", definitionVersion: 1, unit, rows },
});

describe("the shape", () => {
  test("what is parted is not counted beside its whole, and shares are never added up", () => {
    const rows = [row("P1", "", 3), row("P1", "NEW", 1), row("P1", "ON_HOLD", 2)];
    expect(together(wanted(rows, []), "VALUE", "incidents")).toBe(3);
    expect(together(wanted(rows.slice(1), []), "VALUE", "incidents")).toBe(3);
    expect(together(wanted(rows, ["NEW"]), "VALUE", "incidents")).toBe(1);
    expect(together([row("", "A", 0.5), row("", "B", 1)], "VALUE", "ratio")).toBeNull();
    expect(together([], "VALUE", "incidents")).toBe(0);
    expect(together([], "VALUE", "s")).toBeNull();
  });

  test("a day without a row is nothing for amounts and unknown for shares", () => {
    const days = daysOf("2026-02-28T00:00:00Z", "2026-03-02T10:00:00Z");
    expect(days).toEqual(["2026-02-28", "2026-03-01", "2026-03-02"]);
    const amounts = data("incidents", row("2026-03-01", "opened", 4), row("2026-03-01", "resolved", 1));
    const [opened, resolved] = linesOf(tile({ groupBy: "day", series: ["opened", "resolved"] }), amounts, days);
    expect([opened?.values, resolved?.values]).toEqual([
      [0, 4, 0],
      [0, 1, 0],
    ]);
    const [ages] = linesOf(tile({ kpi: "incident-backlog", groupBy: "day", series: [""] }), amounts, days);
    expect(ages?.values).toEqual([null, 5, null]);
    const [share] = linesOf(tile({ groupBy: "day" }), data("ratio", row("2026-03-01", "", 0.5)), days);
    expect(share?.values).toEqual([null, 0.5, null]);
  });

  test("amounts are the greatest first, priorities in their order", () => {
    const rows = data("incidents", row("P2", "opened", 1), row("P1", "opened", 5), row("P3", "opened", 9));
    const groups = (groupBy: string) => amountsOf(tile({ groupBy }), rows, undefined).map(({ group }) => group);
    expect(groups("priority")).toEqual(["P1", "P2", "P3"]);
    expect(groups("team")).toEqual(["P3", "P1", "P2"]);
  });

  test("days are weeks against days of the week, beginning with Monday", () => {
    const cells = cellsOf(
      tile({ groupBy: "day" }),
      data("incidents", row("2026-11-23", "", 3), row("2026-11-22", "", 2)),
      undefined,
    );
    expect(cells.columns).toHaveLength(2);
    const [before, now] = cells.columns.map(({ key }) => key);
    expect(cells.rows[0]?.label).toBe("Mon");
    expect([cells.at("0", now as string), cells.at("6", before as string), cells.at("6", now as string)]).toEqual([3, 2, null]);
  });
});

describe("what stands behind a number", () => {
  const when = { from: "2026-11-01T00:00:00Z", asOf: "2026-11-23T12:00:00Z" };

  test("is asked for with the filter, the group, the part and the period", () => {
    const open = tile({ kpi: "incidents-by-state", groupBy: "team", filter: "priority = P1 OR priority = P2" });
    expect(drill(open, { group: 'a "b"', series: "NEW" }, when)).toBe(
      '(priority = P1 OR priority = P2) AND teamId = "a \\"b\\"" AND createTime >= "2026-11-01T00:00:00Z" AND state = NEW',
    );
    expect(drill({ ...open, allTime: true, filter: "" }, { group: "", series: "" }, when)).toBe("NOT teamId:*");
  });

  test("of a day is of that day, of an age is of that age", () => {
    const opened = drill(tile({ groupBy: "day" }), { group: "2026-11-05", series: "opened" }, when);
    expect(opened).toContain('createTime >= "2026-11-05T00:00:00.000Z" AND createTime < "2026-11-06T00:00:00.000Z"');
    expect(opened).not.toContain("2026-11-01");
    const aged = drill(tile({ kpi: "incident-backlog", allTime: true }), { group: "", series: "paused 3-7" }, when);
    expect(aged).toContain("state = ON_HOLD");
    expect(aged).toContain('createTime <= "2026-11-20T12:00:00.000Z" AND createTime > "2026-11-16T12:00:00.000Z"');
  });

  test("is not asked for where the list would show something else", () => {
    expect(drill(tile({ series: ["resolved"] }), { group: "", series: "resolved" }, when)).toBeNull();
    expect(drill(tile({ kpi: "sla-attainment" }), { group: "", series: "" }, when)).toBeNull();
    expect(drill(tile({ kpi: "alert-volume", groupBy: "asset" }), { group: "a", series: "fired" }, when)).toBeNull();
  });
});

test("numbers in a file are one line each, and no text is a formula", () => {
  const tiles = [tile({ id: "t", title: '=cmd|"x", y', groupBy: "team" })];
  const all = { tiles: [data("incidents", row("-net", "opened", 3))] } as unknown as Data;
  const [, line] = csvOf({ id: "d", tiles, builtIn: false } as unknown as Board, all).split("\r\n");
  expect(line).toBe('"\'=cmd|""x"", y",\'-net,opened,3,,,3');
});
