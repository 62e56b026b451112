import { Button } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo, useRef } from "react";
import type { Incident } from "@/api/client";
import { useCommands } from "@/app/keys";
import type { IncidentSearch } from "@/app/search";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Ago, Empty, Loading, Problem } from "@/ui/bits";
import { TextFilter, Toggles, Views } from "@/ui/filters";
import { Person } from "@/ui/people";
import { Peek, RowList } from "@/ui/RowList";
import { useCursor } from "@/ui/useCursor";
import { useLiveList } from "@/ui/useLiveList";
import { PriorityChip, SlaChip, StateChip } from "./chips";
import { filterOf, listIncidents, orderOf, type Verb } from "./data";
import { IncidentPeek } from "./IncidentPeek";
import { useVerbs } from "./useVerbs";

const route = getRouteApi("/incidents");
const VIEWS = ["open", "mine", "unassigned", "resolved", "all"] as const;
const PRIORITIES = ["P1", "P2", "P3", "P4", "P5"] as const;
const COLUMNS = "3rem 6.5rem minmax(12rem, 1fr) 7rem 8rem 11rem 10rem 5rem";
const HEAD = [
  { title: t("record.priority") },
  { title: t("record.number"), minor: true },
  { title: t("record.title") },
  { title: t("record.state"), minor: true },
  { title: t("record.sla") },
  { title: t("record.team"), minor: true },
  { title: t("record.assignee"), minor: true },
  { title: t("record.opened"), minor: true },
];

const cells = (incident: Incident) => [
  <PriorityChip key="p" priority={incident.priority} />,
  <Link key="n" to="/incidents/$id" params={{ id: incident.number }} tabIndex={-1}>
    {incident.number}
  </Link>,
  <span key="t" className="strong" title={incident.title}>
    {incident.title}
  </span>,
  <StateChip key="s" incident={incident} />,
  <SlaChip key="c" incident={incident} />,
  <span key="g" className={incident.teamId ? undefined : "muted"}>
    {incident.teamId || "–"}
  </span>,
  <Person key="a" id={incident.assigneeId} />,
  <Ago key="o" time={incident.createTime} />,
];

export function Queue() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/incidents" });
  const { me } = useSession();
  const filter = filterOf(search, me.subject);
  const orderBy = orderOf(search);
  const { query, items, fresh, gone, show } = useLiveList<Incident>({
    kind: "incidents",
    filter,
    orderBy,
    load: listIncidents,
  });
  const text = useRef<HTMLInputElement>(null);
  const set = useCallback(
    (part: Partial<IncidentSearch>) => void navigate({ search: (known) => ({ ...known, ...part }), replace: true }),
    [navigate],
  );
  const open = (incident: Incident) => void navigate({ to: "/incidents/$id", params: { id: incident.number } });
  const cursor = useCursor({
    items,
    peeked: search.peek,
    onPeek: (incident) => set({ peek: incident?.id }),
    onOpen: open,
    onShow: () => void show(),
    selectable: true,
  });
  const { act, dialog } = useVerbs(cursor.clear);
  const meant = cursor.chosen.length > 0 ? cursor.chosen : cursor.item ? [cursor.item] : [];
  const verb = (id: Verb, key: string) => ({
    id: `incident.${id}`,
    label: t(`verb.${id}`),
    keys: [key],
    group: t("keys.incident"),
    run: () => act(id, meant),
  });
  useCommands([
    verb("assign", "a"),
    verb("start", "s"),
    verb("hold", "h"),
    verb("resolve", "e"),
    { id: "list.filter", label: t("list.filter"), keys: ["f", "/"], group: t("keys.list"), run: () => text.current?.focus() },
    {
      id: "incident.copy",
      label: t("record.copy"),
      keys: ["."],
      group: t("keys.incident"),
      run: () => void navigator.clipboard.writeText(meant.map(({ number }) => number).join(" ")),
    },
  ]);

  const peeked = useMemo(() => items.find(({ id }) => id === search.peek), [items, search.peek]);
  const fetchMore = query.fetchNextPage;
  const onMore = useCallback(() => void fetchMore(), [fetchMore]);
  return (
    <>
      <div className="page-head">
        <h1>{t("nav.incidents")}</h1>
        <Views
          label={t("list.views")}
          views={VIEWS.map((view) => ({ value: view, label: t(`view.${view}`) }))}
          value={search.view ?? "open"}
          onChange={(view) => set({ view: view === "open" ? undefined : (view as IncidentSearch["view"]), peek: undefined })}
        />
      </div>
      <div className="filters">
        <TextFilter
          ref={text}
          label={t("list.filter")}
          value={search.text ?? ""}
          onChange={(value) => set({ text: value || undefined })}
        />
        <Toggles
          label={t("record.priority")}
          options={PRIORITIES.map((value) => ({ value, label: value, title: t(`priority.${value}`) }))}
          value={search.priority?.split(",") ?? []}
          onChange={(values) => set({ priority: values.join(",") || undefined })}
        />
        {search.team && (
          <button type="button" className="toggle" aria-pressed="true" onClick={() => set({ team: undefined })}>
            {t("record.team")}: {search.team} ×
          </button>
        )}
        {search.filter !== undefined && (
          <TextFilter
            wide
            label={t("list.rawFilter")}
            value={search.filter}
            onChange={(value) => set({ filter: value || undefined })}
          />
        )}
        <label className="line end muted">
          {t("list.sort")}
          <select
            className="toggle"
            value={search.sort ?? "newest"}
            onChange={({ currentTarget }) => set({ sort: currentTarget.value as IncidentSearch["sort"] })}
          >
            <option value="newest">{t("sort.newest")}</option>
            <option value="oldest">{t("sort.oldest")}</option>
            <option value="changed">{t("sort.changed")}</option>
          </select>
        </label>
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
            <Empty
              icon="check"
              title={t("record.none")}
              action={
                <Button variant="default" onClick={() => void navigate({ search: { view: "all" } })}>
                  {t("incident.showAll")}
                </Button>
              }
            >
              {t("incident.noneText")}
            </Empty>
          ) : (
            <RowList
              label={t("nav.incidents")}
              items={items}
              head={peeked ? HEAD.slice(0, 5) : HEAD}
              columns={peeked ? "3rem 6.5rem minmax(8rem, 1fr) 7rem 8rem" : COLUMNS}
              cells={peeked ? narrow : cells}
              active={cursor.active}
              onActive={cursor.activate}
              onOpen={open}
              selected={cursor.selected}
              moved={gone}
              fresh={fresh.size}
              onNews={() => void show()}
              more={query.hasNextPage}
              onMore={onMore}
            />
          )}
          {peeked && (
            <Peek title={peeked.number} onClose={() => set({ peek: undefined })}>
              <IncidentPeek incident={peeked} act={act} />
            </Peek>
          )}
        </div>
      )}
      {cursor.chosen.length > 0 && (
        <div className="bulk" role="toolbar" aria-label={t("list.chosen", { count: cursor.chosen.length })}>
          <strong>{t("list.chosen", { count: cursor.chosen.length })}</strong>
          {(["assign", "start", "resolve"] as const).map((id) => (
            <Button key={id} size="xs" variant="default" onClick={() => act(id, cursor.chosen)}>
              {t(`verb.${id}`)}
            </Button>
          ))}
          <Button size="xs" variant="subtle" className="end" onClick={cursor.clear}>
            {t("list.clear")}
          </Button>
        </div>
      )}
      {dialog}
    </>
  );
}

const narrow = (incident: Incident) => cells(incident).slice(0, 5);
