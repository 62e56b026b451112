import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useRef, useState } from "react";
import { type Alert, api, body, type Page, quoted } from "@/api/client";
import { useCommands } from "@/app/keys";
import type { AlertSearch } from "@/app/search";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useAssetName } from "@/ui/assets";
import { Ago, Chip, Empty, Loading, Problem, type Tone } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { TextFilter, Toggles, Views } from "@/ui/filters";
import type { IconName } from "@/ui/Icon";
import { Person } from "@/ui/people";
import { Peek, RowList } from "@/ui/RowList";
import { Team } from "@/ui/teams";
import { at } from "@/ui/time";
import { toast, toastProblem } from "@/ui/toasts";
import { useCursor } from "@/ui/useCursor";
import { useLiveList } from "@/ui/useLiveList";
import { useIncidentNumber, useTakenAlert } from "./data";

const route = getRouteApi("/alerts");
const VIEWS = ["firing", "acknowledged", "suppressed", "resolved", "all"] as const;
const SEVERITIES = ["CRITICAL", "ERROR", "WARNING", "INFO"] as const;
const COLUMNS = "7rem minmax(12rem, 1fr) 8.5rem minmax(6rem, 12rem) 7rem 4rem 5rem";
const NARROW = "7rem minmax(8rem, 1fr) 8.5rem";
const HEAD = [
  { title: t("alert.severity") },
  { title: t("alert.title") },
  { title: t("alert.state") },
  { title: t("alert.asset"), minor: true },
  { title: t("alert.incident"), minor: true },
  { title: t("alert.count"), minor: true },
  { title: t("alert.since"), minor: true },
];
const SEVERITY: Record<Alert["severity"], { tone: Tone; icon: IconName }> = {
  SEVERITY_UNSPECIFIED: { tone: "still", icon: "question" },
  CRITICAL: { tone: "bad", icon: "bolt" },
  ERROR: { tone: "hot", icon: "late" },
  WARNING: { tone: "warn", icon: "incident" },
  INFO: { tone: "calm", icon: "note" },
};
const STATE: Record<Alert["state"], { tone: Tone; icon: IconName }> = {
  STATE_UNSPECIFIED: { tone: "still", icon: "question" },
  FIRING: { tone: "bad", icon: "alert" },
  ACKNOWLEDGED: { tone: "calm", icon: "person" },
  SUPPRESSED: { tone: "still", icon: "silent" },
  RESOLVED: { tone: "good", icon: "check" },
};

async function listAlerts(filter: string, orderBy: string, pageToken: string, pageSize: number): Promise<Page<Alert>> {
  const query = { filter, orderBy, pageSize, ...(pageToken ? { pageToken } : {}) };
  const answer = await body(api.GET("/api/v1/alerts", { params: { query } }));
  return { items: answer.alerts, next: answer.nextPageToken };
}

function filterOf(search: AlertSearch): string {
  const view = search.view ?? "firing";
  return [
    view === "all" ? "" : `state = ${view.toUpperCase()}`,
    search.severity ? `severity IN (${search.severity.split(",").join(", ")})` : "",
    search.text ? `title:${quoted(search.text)}` : "",
  ]
    .filter(Boolean)
    .join(" AND ");
}

const cells = (alert: Alert) => [
  <Chip key="v" {...SEVERITY[alert.severity]}>
    {t(`severity.${alert.severity}`)}
  </Chip>,
  <span key="t" className="strong" title={alert.title}>
    {alert.title}
  </span>,
  <Chip key="s" {...STATE[alert.state]} title={alert.suppression ? t(`suppression.${alert.suppression.reason}`) : undefined}>
    {t(`alertState.${alert.state}`)}
  </Chip>,
  <AssetLink key="a" id={alert.assetId} />,
  <IncidentLink key="i" id={alert.incidentId} />,
  <span key="c" className="muted">
    {alert.count}
  </span>,
  <Ago key="o" time={alert.startTime} />,
];
const narrow = (alert: Alert) => cells(alert).slice(0, 3);

function AssetLink({ id }: { id: string }) {
  const name = useAssetName(id);
  if (!id) return <span className="muted">–</span>;
  return (
    <Link to="/assets/$id" params={{ id }} tabIndex={-1}>
      {name || id}
    </Link>
  );
}

function IncidentLink({ id }: { id: string }) {
  const number = useIncidentNumber(id);
  if (!id) return <span className="muted">–</span>;
  return (
    <Link to="/incidents/$id" params={{ id: number || id }} tabIndex={-1}>
      {number || t("alert.incident")}
    </Link>
  );
}

export function AlertList() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/alerts" });
  const { can } = useSession();
  const taken = useTakenAlert();
  const text = useRef<HTMLInputElement>(null);
  const [explained, setExplained] = useState("");
  const { query, items, fresh, gone, show } = useLiveList<Alert>({
    kind: "alerts",
    filter: filterOf(search),
    orderBy: "createTime desc",
    load: listAlerts,
  });
  const set = useCallback(
    (part: Partial<AlertSearch>) => void navigate({ search: (known) => ({ ...known, ...part }), replace: true }),
    [navigate],
  );
  const cursor = useCursor({
    items,
    peeked: search.peek,
    onPeek: (alert) => set({ peek: alert?.id }),
    onOpen: (alert) => setExplained(alert.id),
    onShow: () => void show(),
    selectable: true,
  });
  const meant = cursor.chosen.length > 0 ? cursor.chosen : cursor.item ? [cursor.item] : [];

  const act = (verb: "acknowledge" | "resolve", alerts: readonly Alert[]) => {
    const able = alerts.filter((alert) => verbsOf(alert).includes(verb));
    if (able.length === 0) return toast(t("list.notPossible", { verb: t(`alertVerb.${verb}`) }));
    Promise.all(
      able.map(async ({ id, etag }) => {
        const options = { params: { path: { id }, header: { "If-Match": `"${etag}"` } }, body: {} };
        taken(
          await body(
            verb === "acknowledge"
              ? api.POST("/api/v1/alerts/{id}:acknowledge", options)
              : api.POST("/api/v1/alerts/{id}:resolve", options),
          ),
        );
      }),
    )
      .then(() => {
        toast(t(`alertDone.${verb}`, { count: able.length }));
        cursor.clear();
      })
      .catch(toastProblem);
  };
  const verbs = (["acknowledge", "resolve"] as const).filter((verb) => can(`alerts.${verb}`));
  useCommands([
    ...verbs.map((verb) => ({
      id: `alert.${verb}`,
      label: t(`alertVerb.${verb}`),
      keys: [{ acknowledge: "a", resolve: "e" }[verb]],
      group: t("keys.alert"),
      run: () => act(verb, meant),
    })),
    {
      id: "alert.explain",
      label: t("alert.explain"),
      keys: ["w"],
      group: t("keys.alert"),
      run: () => cursor.item && setExplained(cursor.item.id),
    },
    { id: "list.filter", label: t("list.filter"), keys: ["f", "/"], group: t("keys.list"), run: () => text.current?.focus() },
  ]);

  const peeked = items.find(({ id }) => id === search.peek);
  const fetchMore = query.fetchNextPage;
  const onMore = useCallback(() => void fetchMore(), [fetchMore]);
  return (
    <>
      <div className="page-head">
        <h1>{t("nav.alerts")}</h1>
        <Views
          label={t("list.views")}
          views={VIEWS.map((view) => ({ value: view, label: t(`view.${view}`) }))}
          value={search.view ?? "firing"}
          onChange={(view) => set({ view: view === "firing" ? undefined : (view as AlertSearch["view"]), peek: undefined })}
        />
      </div>
      <div className="filters">
        <TextFilter
          ref={text}
          label={t("alert.filter")}
          value={search.text ?? ""}
          onChange={(value) => set({ text: value || undefined })}
        />
        <Toggles
          label={t("alert.severity")}
          options={SEVERITIES.map((value) => ({ value, label: t(`severity.${value}`) }))}
          value={search.severity?.split(",") ?? []}
          onChange={(values) => set({ severity: values.join(",") || undefined })}
        />
      </div>
      {query.isError && (
        <div className="page-scroll">
          <Problem error={query.error} retry={() => void query.refetch()} />
        </div>
      )}
      {query.isPending && <Loading />}
      {query.isSuccess && (
        <div className="split">
          {items.length === 0 && fresh.size === 0 ? (
            <Empty icon="check" title={t("alert.none")}>
              {t("alert.noneText")}
            </Empty>
          ) : (
            <RowList
              label={t("nav.alerts")}
              items={items}
              head={peeked ? HEAD.slice(0, 3) : HEAD}
              columns={peeked ? NARROW : COLUMNS}
              cells={peeked ? narrow : cells}
              active={cursor.active}
              onActive={cursor.activate}
              onOpen={({ id }) => setExplained(id)}
              selected={cursor.selected}
              moved={gone}
              fresh={fresh.size}
              onNews={() => void show()}
              more={query.hasNextPage}
              onMore={onMore}
            />
          )}
          {peeked && (
            <Peek title={peeked.title} onClose={() => set({ peek: undefined })}>
              <Details alert={peeked} />
              <div className="line wrap">
                {verbs
                  .filter((verb) => verbsOf(peeked).includes(verb))
                  .map((verb, index) => (
                    <Button
                      key={verb}
                      size="xs"
                      variant={index === 0 ? "filled" : "default"}
                      onClick={() => act(verb, [peeked])}
                    >
                      {t(`alertVerb.${verb}`)}
                    </Button>
                  ))}
                <Button size="xs" variant="default" onClick={() => setExplained(peeked.id)}>
                  {t("alert.explain")}
                </Button>
              </div>
            </Peek>
          )}
        </div>
      )}
      {cursor.chosen.length > 0 && (
        <div className="bulk" role="toolbar" aria-label={t("list.chosen", { count: cursor.chosen.length })}>
          <strong>{t("list.chosen", { count: cursor.chosen.length })}</strong>
          {verbs.map((verb) => (
            <Button key={verb} size="xs" variant="default" onClick={() => act(verb, cursor.chosen)}>
              {t(`alertVerb.${verb}`)}
            </Button>
          ))}
          <Button size="xs" variant="subtle" className="end" onClick={cursor.clear}>
            {t("list.clear")}
          </Button>
        </div>
      )}
      <Dialog opened={explained !== ""} onClose={() => setExplained("")} title={t("alert.explainTitle")} place="side">
        <Explanation id={explained} />
      </Dialog>
    </>
  );
}

/** What can be done with an alert in this state. */
function verbsOf({ state }: Alert): ("acknowledge" | "resolve")[] {
  if (state === "FIRING") return ["acknowledge", "resolve"];
  return state === "RESOLVED" ? [] : ["resolve"];
}

function Details({ alert }: { alert: Alert }) {
  const labels = Object.entries(alert.labels).sort(([a], [b]) => a.localeCompare(b));
  return (
    <>
      <div className="line wrap">
        <Chip {...SEVERITY[alert.severity]}>{t(`severity.${alert.severity}`)}</Chip>
        <Chip {...STATE[alert.state]}>{t(`alertState.${alert.state}`)}</Chip>
        {alert.flapping && (
          <Chip tone="warn" icon="wave">
            {t("alert.flapping")}
          </Chip>
        )}
      </div>
      <h2>{alert.title}</h2>
      {alert.description && <p className="prose">{alert.description}</p>}
      <dl className="facts">
        <dt>{t("alert.asset")}</dt>
        <dd>
          <AssetLink id={alert.assetId} />
        </dd>
        <dt>{t("alert.incident")}</dt>
        <dd>
          <IncidentLink id={alert.incidentId} />
        </dd>
        <dt>{t("record.team")}</dt>
        <dd>
          <Team id={alert.teamId} />
        </dd>
        <dt>{t("alert.source")}</dt>
        <dd>{alert.source}</dd>
        <dt>{t("alert.since")}</dt>
        <dd>
          <Ago time={alert.startTime} />
        </dd>
        {alert.endTime && (
          <>
            <dt>{t("alert.until")}</dt>
            <dd>
              <Ago time={alert.endTime} />
            </dd>
          </>
        )}
        <dt>{t("alert.count")}</dt>
        <dd>{alert.count}</dd>
        {alert.suppression && (
          <>
            <dt>{t("alert.suppressedBy")}</dt>
            <dd>
              {t(`suppression.${alert.suppression.reason}`)} {alert.suppression.reference}
            </dd>
          </>
        )}
        {alert.acknowledgedBy && (
          <>
            <dt>{t("alert.acknowledgedBy")}</dt>
            <dd>
              <Person id={alert.acknowledgedBy} />
            </dd>
          </>
        )}
      </dl>
      {labels.length > 0 && (
        <dl className="facts">
          {labels.map(([name, value]) => (
            <div key={name} style={{ display: "contents" }}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </>
  );
}

/** Each decision about an alert, with what it was decided by. */
function Explanation({ id }: { id: string }) {
  const query = useQuery({
    queryKey: ["alerts", "history", id],
    queryFn: () => body(api.GET("/api/v1/alerts/{id}:explain", { params: { path: { id } } })),
  });
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (query.isPending) return <Loading rows={4} />;
  return (
    <table className="table">
      <caption className="visually-hidden">{t("alert.explainTitle")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("alert.time")}</th>
          <th scope="col">{t("alert.stage")}</th>
          <th scope="col">{t("alert.outcome")}</th>
          <th scope="col">{t("record.reason")}</th>
        </tr>
      </thead>
      <tbody>
        {query.data.decisions.map((decision) => (
          <tr key={`${decision.time}${decision.stage}${decision.outcome}`}>
            <td className="nowrap">{decision.time && at(decision.time)}</td>
            <td>{decision.stage}</td>
            <td className="strong">{decision.outcome}</td>
            <td>
              {decision.reason} <span className="muted">{decision.reference}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
