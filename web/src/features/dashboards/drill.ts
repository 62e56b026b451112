import { quoted } from "@/api/client";
import type { Tile } from "./data";

/** What part of a tile somebody wants to see. */
export interface Part {
  group: string;
  series: string;
}

/** When the figures were asked for, and over which period. */
export interface When {
  from?: string;
  to?: string;
  asOf?: string;
}

const DAY_MS = 86_400_000;
const OPEN = "state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)";
// As figures of performance have it: merged and cancelled ones, and children of a parent, are counted elsewhere.
const COUNTED = "state != CANCELLED AND NOT links.kind IN (PARENT, DUPLICATE_OF)";
const FIELDS: Record<string, string> = {
  team: "teamId",
  teamId: "teamId",
  service: "serviceId",
  serviceId: "serviceId",
  priority: "priority",
  category: "category",
};

/** What is asked beside the filter of the tile; `time` is the field that the period is about. */
interface Meaning {
  time?: string;
  also: string[];
}

/** What a figure counts, in the filter language of the list; null where the list cannot be asked for exactly that. */
function meaning(kpi: string, series: string, allTime: boolean, asOf: string | undefined): Meaning | null {
  switch (kpi) {
    case "incidents-by-state":
      return { time: "createTime", also: series ? [`state = ${series}`] : [] };
    case "incident-volume":
      if (series === "opened") return { time: "createTime", also: [COUNTED] };
      return series === "closed" ? { time: "closeTime", also: ["state = CLOSED", COUNTED] } : null;
    case "incident-backlog": {
      const age = aged(series, asOf);
      return allTime && age ? { also: [OPEN, COUNTED, ...age] } : null;
    }
    case "mtta":
      if (series === "") return { time: "acknowledgeTime", also: [COUNTED] };
      return { time: "createTime", also: [OPEN, "NOT acknowledgeTime:*", COUNTED] };
    case "mttr-resolve":
    case "reassignment-rate":
      return { time: "resolveTime", also: ["state IN (RESOLVED, CLOSED)", COUNTED] };
    default:
      return null;
  }
}

/** The bounds of an age, `3-7` or `paused >30`, as times of creation; null where it is none. */
function aged(series: string, asOf: string | undefined): string[] | null {
  if (series === "") return [];
  const paused = series.startsWith("paused ");
  const [, least, most] = /^(?:paused )?>?(\d+)(?:-(\d+))?$/.exec(series) ?? [];
  if (least === undefined || asOf === undefined) return null;
  const before = (days: string) => quoted(new Date(Date.parse(asOf) - Number(days) * DAY_MS).toISOString());
  return [
    paused ? "state = ON_HOLD" : "state != ON_HOLD",
    ...(least === "0" ? [] : [`createTime <= ${before(least)}`]),
    ...(most === undefined ? [] : [`createTime > ${before(most)}`]),
  ];
}

/** The filter of the list that shows what stands behind a part of a tile; null where there is none of the same number. */
export function drill(tile: Tile, part: Part, when: When): string | null {
  const found = meaning(tile.kpi, part.series, tile.allTime, when.asOf);
  if (found === null) return null;
  const conditions = tile.filter ? [`(${tile.filter})`] : [];
  let { from, to } = tile.allTime ? {} : when;
  if (tile.groupBy === "day") {
    from = new Date(part.group).toISOString();
    to = new Date(Date.parse(part.group) + DAY_MS).toISOString();
  } else if (tile.groupBy) {
    const field = FIELDS[tile.groupBy];
    if (field === undefined) return null;
    conditions.push(
      part.group === "" ? `NOT ${field}:*` : `${field} = ${field === "priority" ? part.group : quoted(part.group)}`,
    );
  }
  if (found.time && from) conditions.push(`${found.time} >= ${quoted(from)}`);
  if (found.time && to) conditions.push(`${found.time} < ${quoted(to)}`);
  return [...conditions, ...found.also].join(" AND ");
}
