import { Button } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useRef, useState } from "react";
import { type Alert, api, body, type Page, quoted } from "@/api/client";
import { useCommands } from "@/app/keys";
import type { AlertSearch } from "@/app/search";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Facts } from "@/records/Facts";
import { ableTo } from "@/records/kind";
import { addressOf } from "@/records/RecordLink";
import { Ago, Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { TextFilter, Toggles, Views } from "@/ui/filters";
import { Peek, RowList } from "@/ui/RowList";
import { toast, toastProblem } from "@/ui/toasts";
import { useCursor } from "@/ui/useCursor";
import { useLiveList } from "@/ui/useLiveList";
import { ALERTS } from "./AlertPage";
import { useTakenAlert } from "./data";
import { Explanation } from "./Explanation";
import { AssetLink, Chips, IncidentLink, Labels, SeverityChip, StateChip } from "./looks";

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
  <SeverityChip key="v" alert={alert} />,
  <Link key="t" {...addressOf("alerts", alert.id)} tabIndex={-1} className="strong" title={alert.title}>
    {alert.title}
  </Link>,
  <StateChip key="s" alert={alert} />,
  <AssetLink key="a" id={alert.assetId} />,
  <IncidentLink key="i" id={alert.incidentId} />,
  <span key="c" className="muted">
    {alert.count}
  </span>,
  <Ago key="o" time={alert.startTime} />,
];
const narrow = (alert: Alert) => cells(alert).slice(0, 3);

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
    onOpen: (alert) => void navigate(addressOf("alerts", alert.id)),
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
              onOpen={({ id }) => void navigate(addressOf("alerts", id))}
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
const verbsOf = (alert: Alert) => ALERTS.verbs.filter((verb) => ableTo(verb, alert)).map(({ id }) => id);

function Details({ alert }: { alert: Alert }) {
  return (
    <>
      <div className="line wrap">
        <Chips alert={alert} />
      </div>
      <h2>
        <Link {...addressOf("alerts", alert.id)}>{alert.title}</Link>
      </h2>
      {alert.description && <p className="prose">{alert.description}</p>}
      <Facts kind={ALERTS} record={alert} />
      <Labels alert={alert} />
    </>
  );
}
