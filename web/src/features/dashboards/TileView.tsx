import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useAssetName } from "@/ui/assets";
import { Amount, type Better } from "@/ui/charts/Amount";
import { Bars } from "@/ui/charts/Bars";
import { Donut } from "@/ui/charts/Donut";
import { Figure } from "@/ui/charts/Figure";
import { HeatMap } from "@/ui/charts/HeatMap";
import { Lines } from "@/ui/charts/Lines";
import { useTeamNames } from "@/ui/teams";
import { lasting } from "@/ui/time";
import type { Definition, Tile, TileData } from "./data";
import { drill, type Part, type When } from "./drill";
import {
  amountsOf,
  cellsOf,
  daysOf,
  groupName,
  isAmount,
  kpiName,
  linesOf,
  measured,
  seriesName,
  titleOf,
  together,
  wanted,
  written,
} from "./shape";

interface Props {
  tile: Tile;
  data: TileData | undefined;
  definition: Definition | undefined;
  when: When;
  busy: boolean;
  /** The dashboard of every tenant that it belongs to. */
  shipped?: string;
  /** What can be done with it, beside its title. */
  tools?: ReactNode;
  /** Whether its parts lead to what stands behind them. */
  leads?: boolean;
  onPick?: (filter: string) => void;
}

const FEWER_IS_BETTER = /^(mtt|reopen|reassignment|downtime|incident-backlog|incidents-by-state)/;
const betterOf = (kpi: string): Better => (FEWER_IS_BETTER.test(kpi) ? "less" : kpi.includes("sla") ? "more" : "neither");

/** One tile: its figure in its form, or why there is none. */
export function TileView({ tile, data, definition, busy, shipped, tools, ...rest }: Props) {
  const drawn = rest.leads !== false && data?.kpi !== undefined && ["LINE", "BAR", "DONUT"].includes(tile.kind);
  return (
    <Figure title={titleOf(tile, shipped)} busy={busy} twin={drawn} tools={tools}>
      {data?.fault ? (
        <p className="problem" role="alert">
          {data.fault}
        </p>
      ) : tile.kind === "TEXT" ? (
        <p className="prose">{tile.text}</p>
      ) : data?.kpi === undefined ? (
        <div className="skeleton" />
      ) : (
        <Drawing tile={tile} data={data} definition={definition} {...rest} />
      )}
      {data !== undefined && data.groupsLeftOut > 0 && (
        <p className="muted">{t("board.leftOut", { count: data.groupsLeftOut })}</p>
      )}
    </Figure>
  );
}

function Drawing({ tile, data, definition, when, leads = true, onPick }: Omit<Props, "busy" | "data"> & { data: TileData }) {
  const teams = useTeamNames();
  const { can } = useSession();
  const unit = data.kpi?.unit ?? "";
  const period = { ...when, from: data.from };
  const write = (value: number | null) => written(value, unit, tile.measure);
  const filterOf = (part: Part) => (leads && can("incidents.list") ? drill(tile, part, period) : null);
  const link = (part: Part, text: ReactNode) => {
    const filter = filterOf(part);
    if (filter === null) return text;
    return (
      <Link to="/incidents" search={{ view: "all", filter }} title={t("board.drill")}>
        {text}
      </Link>
    );
  };
  const unitName = tile.measure === "COUNT" ? t("unit.count") : t(`unit.${unit}` as "unit.s", { defaultValue: unit });
  const amounts = () =>
    amountsOf(tile, data, definition, teams).map(({ label, group, series, value }) => ({
      label,
      value,
      link: tile.groupBy === "asset" && group ? <Asset id={group} /> : link({ group, series }, label),
    }));
  const head = tile.groupBy ? t(`group.${tile.groupBy}` as "group.team", { defaultValue: tile.groupBy }) : kpiName(tile.kpi);
  const shown = wanted(data.kpi?.rows ?? [], tile.series);
  if (shown.length === 0 && tile.kind !== "NUMBER") return <p className="muted nothing">{t("common.noData")}</p>;
  switch (tile.kind) {
    case "NUMBER": {
      const series = tile.series.length === 1 ? (tile.series[0] ?? "") : "";
      const before = data.previous ? together(wanted(data.previous.rows, tile.series), tile.measure, unit) : null;
      return (
        <Amount
          value={together(shown, tile.measure, unit)}
          before={before}
          better={betterOf(tile.kpi)}
          write={write}
          link={(text) => link({ group: "", series }, text)}
          more={spread(tile, data)}
        />
      );
    }
    case "LINE": {
      const first = shown.map((row) => row.group).sort()[0];
      const days = daysOf(data.from ?? first, when.to ?? when.asOf);
      const share = unit === "ratio" && tile.measure !== "COUNT";
      const lines = linesOf(tile, data, days);
      const onlyFilter = (day: string) => {
        const found = lines.map(({ series }) => filterOf({ group: day, series })).find((filter) => filter !== null);
        return found ?? null;
      };
      const led = days[0] !== undefined && onlyFilter(days[0]) !== null;
      return (
        <Lines
          days={days}
          // In percent a scale has round steps.
          lines={share ? lines.map((line) => ({ ...line, values: line.values.map(inPercent) })) : lines}
          unit={unitName}
          area={lines.length === 1}
          most={share ? 100 : undefined}
          write={share ? (value) => write(value / 100) : write}
          link={(line, day, text) => link({ group: day, series: lines[line]?.series ?? "" }, text)}
          onPick={led && onPick ? (day) => onPick(onlyFilter(day) ?? "") : undefined}
        />
      );
    }
    case "BAR":
      return (
        <Bars
          name={head}
          unit={unitName}
          rows={amounts()}
          write={write}
          most={unit === "ratio" && tile.measure !== "COUNT" ? 1 : undefined}
        />
      );
    case "DONUT":
      return <Donut name={head} unit={unitName} rows={amounts()} write={write} />;
    case "HEAT_MAP": {
      const cells = cellsOf(tile, data, definition, teams);
      const part = (row: string, column: string) => ({ group: row, series: column });
      return (
        <HeatMap
          name={tile.groupBy === "day" ? "" : head}
          rows={cells.rows}
          columns={cells.columns}
          at={cells.at}
          cell={(row, column, value) => (tile.groupBy === "day" ? write(value) : link(part(row, column), write(value)))}
        />
      );
    }
    default:
      return <Rows tile={tile} data={data} head={head} link={link} />;
  }
}

const inPercent = (value: number | null) => (value === null ? null : value * 100);

/** All that is known of each group. */
function Rows({
  tile,
  data,
  head,
  link,
}: {
  tile: Tile;
  data: TileData;
  head: string;
  link: (part: Part, text: ReactNode) => ReactNode;
}) {
  const teams = useTeamNames();
  const { rows = [], unit = "" } = data.kpi ?? {};
  const shown = tile.series.length > 0 ? wanted(rows, tile.series) : rows;
  const spreads = unit === "s" && shown.some((row) => row.median !== undefined);
  const parts = shown.some((row) => row.series !== "");
  const cell = (value: number | null, measure: Tile["measure"] = "VALUE") => (
    <td className="number">{written(value, unit, measure)}</td>
  );
  return (
    <table className="table">
      <thead>
        <tr>
          <th scope="col">{head}</th>
          {parts && <th scope="col">{t("board.part")}</th>}
          <th scope="col" className="number">
            {t(spreads ? "board.mean" : "board.value")}
          </th>
          {spreads && (
            <>
              <th scope="col" className="number">
                {t("measure.MEDIAN")}
              </th>
              <th scope="col" className="number">
                {t("measure.P90")}
              </th>
            </>
          )}
          {!isAmount(unit) && (
            <th scope="col" className="number">
              {t("measure.COUNT")}
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {shown.map((row) => (
          <tr key={`${row.group}/${row.series}`}>
            <th scope="row">
              {tile.groupBy === "asset" && row.group ? (
                <Asset id={row.group} />
              ) : (
                link(
                  { group: row.group, series: row.series },
                  tile.groupBy ? groupName(row.group, tile.groupBy, teams) : t("board.whole"),
                )
              )}
            </th>
            {parts && <td>{seriesName(row.series)}</td>}
            {cell(row.value ?? null)}
            {spreads && cell(measured(row, "MEDIAN"))}
            {spreads && cell(measured(row, "P90"))}
            {!isAmount(unit) && cell(row.count, "COUNT")}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Asset({ id }: { id: string }) {
  const name = useAssetName(id);
  return (
    <Link to="/assets/$id" params={{ id }}>
      {name || id.slice(0, 12)}
    </Link>
  );
}

/** What stands beside one number. */
function spread(tile: Tile, data: TileData): string {
  const { unit = "", rows = [] } = data.kpi ?? {};
  const whole = rows.find((row) => row.group === "" && row.series === "");
  if (whole === undefined || isAmount(unit) || tile.measure === "COUNT") return "";
  if (whole.median !== undefined && whole.p90 !== undefined && tile.measure === "VALUE") {
    return t("dashboard.spread", { median: lasting(whole.median * 1000), p90: lasting(whole.p90 * 1000) });
  }
  return t("board.behind", { count: whole.count });
}
