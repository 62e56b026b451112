import { locale, t } from "@/i18n";
import { lasting } from "@/ui/time";
import type { Definition, Row, Tile, TileData } from "./data";

const DAY_MS = 86_400_000;

/** A figure whose parts are averages or shares, which cannot be added up. */
export const isAmount = (unit: string) => unit === "incidents" || unit === "alerts";

/** What a tile shows of a row; null where nothing was measured. */
export function measured(row: Row, measure: Tile["measure"]): number | null {
  switch (measure) {
    case "COUNT":
      return row.count;
    case "MEDIAN":
      return row.median ?? null;
    case "P90":
      return row.p90 ?? null;
    default:
      return row.value ?? null;
  }
}

/** The rows that a tile wants: named parts; where none is named the wholes, or all parts where there is no whole. */
export function wanted(rows: readonly Row[], series: readonly string[]): Row[] {
  if (series.some((each) => each !== "")) return rows.filter((row) => series.includes(row.series));
  const wholes = rows.filter((row) => row.series === "");
  return wholes.length > 0 ? wholes : [...rows];
}

/** One value of several rows: amounts are added up; of anything else there is one. */
export function together(rows: readonly Row[], measure: Tile["measure"], unit: string): number | null {
  const values = rows.map((row) => measured(row, measure)).filter((value) => value !== null);
  if (values.length === 0) return isAmount(unit) || measure === "COUNT" ? 0 : null;
  if (isAmount(unit) || measure === "COUNT" || values.length === 1) return values.reduce((sum, value) => sum + value, 0);
  return null;
}

/** How a value is written. */
export function written(value: number | null, unit: string, measure: Tile["measure"] = "VALUE"): string {
  if (value === null) return "–";
  if (measure !== "COUNT" && unit === "s") return lasting(value * 1000);
  if (measure !== "COUNT" && unit === "ratio") {
    return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(value);
  }
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(value);
}

/** What ids are called. */
type Names = ReadonlyMap<string, string>;

/** A group or a part as people call it. */
export function groupName(group: string, groupBy: string, teams?: Names): string {
  if (group === "") return t(`board.none.${(groupBy || "group") as "team"}`, { defaultValue: t("board.none.group") });
  return (groupBy === "team" && teams?.get(group)) || group;
}

export const seriesName = (series: string) =>
  series === "" ? t("board.whole") : t(`series.${series}` as "series.opened", { defaultValue: series });

/** The name of a figure. */
export const kpiName = (kpi: string) => t(`kpi.${kpi}` as "kpi.mtta", { defaultValue: kpi });

/** What a tile is called: as its maker said, else after its figure. Those of every tenant have names in each language. */
export function titleOf(tile: Tile, shipped = ""): string {
  const own = tile.title || (tile.kind === "TEXT" ? t("board.kind.TEXT") : kpiName(tile.kpi));
  return shipped ? t(`shipped.${shipped}.${tile.id}` as "shipped.service-desk.open", { defaultValue: own }) : own;
}

/** The days of a period, the earliest first, as `2026-11-23`. */
export function daysOf(from: string | undefined, to: string | undefined): string[] {
  if (from === undefined || to === undefined) return [];
  const first = Math.floor(Date.parse(from) / DAY_MS);
  const last = Math.ceil(Date.parse(to) / DAY_MS);
  return Array.from({ length: Math.max(0, last - first) }, (_, index) =>
    new Date((first + index) * DAY_MS).toISOString().slice(0, 10),
  );
}

export interface Line {
  name: string;
  series: string;
  values: (number | null)[];
}

/** A line for each part. Where amounts have no row there was nothing; where shares have none nothing is known. */
export function linesOf(tile: Tile, data: TileData, days: readonly string[]): Line[] {
  const { rows = [], unit = "" } = data.kpi ?? {};
  const shown = wanted(rows, tile.series);
  const parts = tile.series.length > 0 ? tile.series : [...new Set(shown.map((row) => row.series))];
  // Amounts without a whole are one line over all their parts.
  const whole = tile.series.every((each) => each === "") && isAmount(unit);
  const absent = isAmount(unit) && tile.kpi !== "incident-backlog" ? 0 : null;
  return (whole ? [""] : parts).map((series) => ({
    name: whole ? kpiName(tile.kpi) : seriesName(series),
    series,
    values: days.map((day) => {
      const own = shown.filter((row) => row.group.startsWith(day) && (whole || row.series === series));
      return own.length === 0 ? absent : together(own, tile.measure, unit);
    }),
  }));
}

export interface Amount {
  label: string;
  group: string;
  series: string;
  value: number;
}

/** Amounts by group, or by part where nothing is grouped, the greatest first; days and parts in their own order. */
export function amountsOf(tile: Tile, data: TileData, definition: Definition | undefined, teams?: Names): Amount[] {
  const { rows = [], unit = "" } = data.kpi ?? {};
  if (!tile.groupBy) {
    const parts = rows.filter((row) => row.series !== "" && (tile.series.length === 0 || tile.series.includes(row.series)));
    const order = definition?.series ?? [];
    const shown = parts.length > 0 ? parts : wanted(rows, tile.series);
    return shown
      .map((row) => ({
        label: seriesName(row.series),
        group: "",
        series: row.series,
        value: measured(row, tile.measure) ?? 0,
      }))
      .sort((a, b) => order.indexOf(a.series) - order.indexOf(b.series));
  }
  const shown = wanted(rows, tile.series);
  const one = tile.series.length === 1 ? (tile.series[0] ?? "") : "";
  const amounts = [...new Set(shown.map((row) => row.group))].map((group) => ({
    label: groupName(group, tile.groupBy, teams),
    group,
    series: one,
    value:
      together(
        shown.filter((row) => row.group === group),
        tile.measure,
        unit,
      ) ?? 0,
  }));
  const natural = ["priority", "day", "severity"].includes(tile.groupBy);
  return natural ? amounts.sort((a, b) => a.group.localeCompare(b.group)) : amounts.sort((a, b) => b.value - a.value);
}

export interface Cells {
  rows: { key: string; label: string }[];
  columns: { key: string; label: string }[];
  at: (row: string, column: string) => number | null;
}

/** Groups against parts; days as weeks against days of the week. */
export function cellsOf(tile: Tile, data: TileData, definition: Definition | undefined, teams?: Names): Cells {
  const { rows = [], unit = "" } = data.kpi ?? {};
  if (tile.groupBy === "day") return weeks(tile, rows, unit);
  const parts = rows.filter((row) => row.series !== "" && (tile.series.length === 0 || tile.series.includes(row.series)));
  const shown = parts.length > 0 ? parts : rows;
  const order = (definition?.series ?? []).filter((series) => shown.some((row) => row.series === series));
  const groups = [...new Set(shown.map((row) => row.group))];
  const sum = (group: string) => shown.reduce((all, row) => (row.group === group ? all + row.count : all), 0);
  return {
    rows: groups.sort((a, b) => sum(b) - sum(a)).map((group) => ({ key: group, label: groupName(group, tile.groupBy, teams) })),
    columns: (order.length > 0 ? order : [""]).map((series) => ({ key: series, label: seriesName(series) })),
    at: (group, series) => {
      const row = shown.find((each) => each.group === group && each.series === series);
      return row ? measured(row, tile.measure) : null;
    },
  };
}

const MONDAY = 4; // 1970-01-01 was a Thursday

function weeks(tile: Tile, rows: readonly Row[], unit: string): Cells {
  const shown = wanted(rows, tile.series);
  const dayOf = (group: string) => Math.floor(Date.parse(group) / DAY_MS);
  const weekOf = (group: string) => Math.floor((dayOf(group) - MONDAY) / 7);
  const all = [...new Set(shown.map((row) => String(weekOf(row.group))))].sort((a, b) => Number(a) - Number(b));
  const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale(), { timeZone: "UTC", ...options });
  const [weekday, date] = [format({ weekday: "short" }), format({ day: "numeric", month: "short" })];
  return {
    rows: Array.from({ length: 7 }, (_, day) => ({
      key: String(day),
      label: weekday.format(new Date((MONDAY + day) * DAY_MS)),
    })),
    columns: all.map((week) => ({ key: week, label: date.format(new Date((Number(week) * 7 + MONDAY) * DAY_MS)) })),
    at: (day, week) => {
      const own = shown.filter(
        (row) => String(weekOf(row.group)) === week && dayOf(row.group) - MONDAY - Number(week) * 7 === Number(day),
      );
      return own.length === 0 ? null : together(own, tile.measure, unit);
    },
  };
}
