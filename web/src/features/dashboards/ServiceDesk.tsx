import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { api, body, type Schemas } from "@/api/client";
import { locale, t } from "@/i18n";
import { Problem } from "@/ui/bits";
import { Bars } from "@/ui/charts/Bars";
import { Figure } from "@/ui/charts/Figure";
import { Lines } from "@/ui/charts/Lines";
import { Views } from "@/ui/filters";
import { ago, lasting, useNow } from "@/ui/time";
import { byDay, daysOf, type Row, sum } from "./figures";

type Kpi = Schemas["Kpi"];

const route = getRouteApi("/dashboards/service-desk");
const DAYS = [7, 30, 90] as const;
const DAY_MS = 86_400_000;
const OPEN = "state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)";
const MOST = 8;
const UNTIL_FORMAT = { hour: "2-digit", minute: "2-digit" } as const;

interface Ask {
  groupBy?: string;
  filter?: string;
  from?: string;
  to?: string;
}

const useKpi = (name: string, query: Ask) =>
  useQuery({
    queryKey: ["kpis", name, query],
    queryFn: () => body(api.GET("/api/v1/kpis/{name}", { params: { path: { name }, query } })),
  });

export function ServiceDesk() {
  const { days = 30 } = route.useSearch();
  const navigate = useNavigate({ from: "/dashboards/service-desk" });
  // Whole days, so that the question is the same until midnight and its answer can be kept.
  const today = useNow((instant) => Math.floor(instant / DAY_MS));
  const from = new Date((today + 1 - days) * DAY_MS).toISOString();
  const priorities = useKpi("incidents-by-state", { groupBy: "priority", filter: OPEN });
  const teams = useKpi("incidents-by-state", { groupBy: "team", filter: OPEN });
  const mtta = useKpi("mtta", { from });
  const mttr = useKpi("mttr-resolve", { from });
  const sla = useKpi("sla-attainment", { from });
  const volume = useKpi("incident-volume", { from, groupBy: "day" });
  const backlog = useKpi("incident-backlog", { from, groupBy: "day" });
  const slaDays = useKpi("sla-attainment", { from, groupBy: "day" });
  const all = daysOf(today, days);
  const asOf = priorities.data?.asOfTime;

  return (
    <>
      <div className="page-head">
        <h1>{t("dashboard.title")}</h1>
        <Views
          label={t("dashboard.period")}
          views={DAYS.map((each) => ({ value: String(each), label: t("dashboard.days", { count: each }) }))}
          value={String(days)}
          onChange={(value) => void navigate({ search: { days: value === "30" ? undefined : Number(value) }, replace: true })}
        />
        {asOf && <AsOf time={asOf} />}
      </div>
      <div className="page-scroll">
        <div className="figures">
          <Value
            title={t("dashboard.open")}
            query={priorities}
            read={(kpi) => String(sum(kpi.rows))}
            more={() => <Link to="/incidents">{t("dashboard.queue")}</Link>}
          />
          <Value title={t("dashboard.mtta")} query={mtta} read={(kpi) => duration(whole(kpi))} more={spread} />
          <Value title={t("dashboard.mttr")} query={mttr} read={(kpi) => duration(whole(kpi))} more={spread} />
          <Value
            title={t("dashboard.sla")}
            query={sla}
            read={(kpi) => percent(whole(kpi)?.value)}
            more={(kpi) => t("dashboard.targets", { count: whole(kpi)?.count ?? 0 })}
          />

          <Card title={t("dashboard.byPriority")} wide={4} query={priorities}>
            {(kpi) => (
              <Bars
                name={t("record.priority")}
                unit={t("dashboard.incidents")}
                rows={["P1", "P2", "P3", "P4", "P5"].map((priority) => ({
                  label: priority,
                  value: sum(kpi.rows.filter(({ group }) => group === priority)),
                  link: (
                    <Link to="/incidents" search={{ priority }}>
                      {priority}
                    </Link>
                  ),
                }))}
              />
            )}
          </Card>
          <Card title={t("dashboard.byTeam")} wide={4} query={teams}>
            {(kpi) => (
              <Bars
                name={t("record.team")}
                unit={t("dashboard.incidents")}
                rows={[...new Set(kpi.rows.map(({ group }) => group))]
                  .map((group) => ({
                    label: group || t("record.noTeam"),
                    value: sum(kpi.rows.filter((row) => row.group === group)),
                    link: group ? (
                      <Link to="/incidents" search={{ team: group }}>
                        {group}
                      </Link>
                    ) : (
                      <Link to="/incidents" search={{ filter: "NOT teamId:*" }}>
                        {t("record.noTeam")}
                      </Link>
                    ),
                  }))
                  .sort((a, b) => b.value - a.value)
                  .slice(0, MOST)}
              />
            )}
          </Card>
          <Card title={t("dashboard.slaByClock")} wide={4} query={sla}>
            {(kpi) => (
              <Bars
                name={t("sla.title")}
                unit="%"
                most={100}
                rows={kpi.rows
                  .filter(({ series }) => series in CLOCKS)
                  .map(({ series, value }) => ({
                    label: t(`clock.${series as keyof typeof CLOCKS}`),
                    value: Math.round((value ?? 0) * 1000) / 10,
                  }))}
              />
            )}
          </Card>
          <Card title={t("dashboard.volume")} wide={6} query={volume}>
            {(kpi) => (
              <Lines
                days={all}
                unit={t("dashboard.incidents")}
                lines={(["opened", "resolved"] as const).map((series) => ({
                  name: t(`dashboard.${series}`),
                  values: byDay(kpi.rows, all, series, 0),
                }))}
              />
            )}
          </Card>
          <Card title={t("dashboard.backlog")} wide={6} query={backlog}>
            {(kpi) => (
              <Lines
                days={all}
                unit={t("dashboard.incidents")}
                area
                lines={[{ name: t("dashboard.openAtMidnight"), values: byDay(kpi.rows, all, "", null) }]}
              />
            )}
          </Card>
          <Card title={t("dashboard.slaByDay")} wide={12} query={slaDays}>
            {(kpi) => (
              <Lines
                days={all}
                unit="%"
                most={100}
                lines={[
                  {
                    name: t("dashboard.sla"),
                    values: byDay(kpi.rows, all, "", null).map((value) =>
                      value === null ? null : Math.round(value * 1000) / 10,
                    ),
                  },
                ]}
              />
            )}
          </Card>
        </div>
      </div>
    </>
  );
}

const CLOCKS = { RESPONSE: 1, RESOLVE: 1, NEXT_UPDATE: 1 } as const;

/** The row of a figure that is not divided: by no group and no series. */
const whole = (kpi: Kpi): Row | undefined => kpi.rows.find(({ group, series }) => group === "" && series === "");
const duration = (row: Row | undefined) => (row?.value === undefined ? "–" : lasting(row.value * 1000));
const percent = (value: number | undefined) =>
  value === undefined ? "–" : new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(value);

function spread(kpi: Kpi): string {
  const row = whole(kpi);
  if (row?.median === undefined || row.p90 === undefined) return t("common.noData");
  return t("dashboard.spread", { median: lasting(row.median * 1000), p90: lasting(row.p90 * 1000) });
}

function AsOf({ time }: { time: string }) {
  const text = useNow((instant) => ago(time, instant));
  return (
    <span className="end muted" title={new Date(time).toLocaleTimeString(locale(), UNTIL_FORMAT)}>
      {t("dashboard.asOf", { time: text })}
    </span>
  );
}

type Query = ReturnType<typeof useKpi>;

function Value({
  title,
  query,
  read,
  more,
}: {
  title: string;
  query: Query;
  read: (kpi: Kpi) => string;
  more: (kpi: Kpi) => ReactNode;
}) {
  return (
    <section className="card span-3" aria-label={title}>
      <header>
        <h2>{title}</h2>
      </header>
      <div className="body">
        {query.isError ? (
          <Problem error={query.error} retry={() => void query.refetch()} />
        ) : (
          <p className="figure-value">{query.data ? read(query.data) : "…"}</p>
        )}
        <p className="muted">{query.data && more(query.data)}</p>
      </div>
    </section>
  );
}

function Card({
  title,
  wide,
  query,
  children,
}: {
  title: string;
  wide: 4 | 6 | 12;
  query: Query;
  children: (kpi: Kpi) => ReactNode;
}) {
  return (
    <Figure title={title} wide={wide} busy={query.isPending}>
      {query.isError ? <Problem error={query.error} retry={() => void query.refetch()} /> : query.data && children(query.data)}
    </Figure>
  );
}
