import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useJobs } from "@/records/bulk";
import { listRecords } from "@/records/data";
import { RecordLink } from "@/records/RecordLink";
import { RefPick } from "@/records/schema/RefPick";
import { Empty, Loading, Problem } from "@/ui/bits";
import { TextFilter } from "@/ui/filters";
import { Icon } from "@/ui/Icon";
import { Menu } from "@/ui/Menu";
import { Person } from "@/ui/people";
import { at } from "@/ui/time";
import { toastProblem } from "@/ui/toasts";
import { Changes } from "./Changes";

type Entry = Schemas["AuditEntry"];

export interface AuditSearch {
  actor?: string;
  subject?: string;
  action?: string;
  from?: string;
  to?: string;
  entry?: string;
}

const PAGE = 50;
const UUID = /^[0-9a-f]{8}-/;

/** What the address asks for, in the filter language. */
export function auditFilter({ actor, subject, action, from, to }: AuditSearch): string {
  const day = (given: string, days: number) => new Date(new Date(`${given}T00:00`).getTime() + days * 86_400_000).toISOString();
  return [
    actor && `actor = ${quoted(actor)}`,
    subject && `subject = ${quoted(subject)}`,
    action && `action = ${quoted(action)}`,
    from && `time >= ${quoted(day(from, 0))}`,
    to && `time < ${quoted(day(to, 1))}`,
  ]
    .filter(Boolean)
    .join(" AND ");
}

/** `itsm.incident.v1.IncidentResolved` in short. */
const short = (action: string) =>
  (action.split(".").at(-1) ?? action).replace(
    /([a-z])([A-Z])/g,
    (_, before: string, after: string) => `${before} ${after.toLowerCase()}`,
  );

/** Who changed what, and when: every change of every record, as it was kept. */
export function Audit() {
  const search: AuditSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const { can } = useSession();
  const { exported } = useJobs("auditEntries");
  const set = (part: AuditSearch) =>
    void navigate({ to: ".", search: ((known: AuditSearch) => ({ ...known, ...part })) as never, replace: true });
  const filter = auditFilter(search);
  const query = useInfiniteQuery({
    queryKey: ["auditEntries", "list", filter],
    initialPageParam: "",
    queryFn: ({ pageParam }) => listRecords<Entry>("auditEntries", filter, "time desc", pageParam, PAGE),
    getNextPageParam: ({ next }) => next || undefined,
  });
  const entries = query.data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <>
      <div className="page-head">
        <h1>{t("audit.title")}</h1>
        <span className="muted">{t("audit.hint")}</span>
        <div className="verbs">
          {can("jobs.create") && (
            <Menu
              label={t("list.export")}
              className="toggle"
              side="below"
              items={(["CSV", "XLSX"] as const).map((format) => ({
                label: t("list.exportAs", { format }),
                run: () => void exported(filter, "time desc", [], format).catch(toastProblem),
              }))}
            >
              <Icon name="out" /> {t("list.export")}
            </Menu>
          )}
        </div>
      </div>
      <div className="filters">
        <div className="narrow">
          <RefPick
            of="users"
            label={t("audit.actor")}
            value={search.actor ? [search.actor] : []}
            onChange={([actor]) => set({ actor, entry: undefined })}
          />
        </div>
        <TextFilter
          label={t("audit.subject")}
          value={search.subject ?? ""}
          onChange={(subject) => set({ subject: subject || undefined, entry: undefined })}
        />
        <Day label={t("audit.from")} value={search.from ?? ""} onChange={(from) => set({ from: from || undefined })} />
        <Day label={t("audit.to")} value={search.to ?? ""} onChange={(to) => set({ to: to || undefined })} />
        {search.action && (
          <button type="button" className="toggle" aria-pressed="true" onClick={() => set({ action: undefined })}>
            {short(search.action)} ×
          </button>
        )}
      </div>
      <div className="page-scroll">
        {query.isPending && <Loading />}
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.isSuccess && entries.length === 0 && (
          <Empty
            icon="audit"
            title={t("audit.none")}
            action={
              <Button variant="default" onClick={() => void navigate({ to: ".", search: {} as never })}>
                {t("record.showAll")}
              </Button>
            }
          >
            {t("audit.noneText")}
          </Empty>
        )}
        {entries.length > 0 && (
          <ol className="card audit" aria-label={t("audit.title")}>
            {entries.map((entry) => (
              <Line key={entry.id} entry={entry} opened={search.entry === entry.id} set={set} />
            ))}
          </ol>
        )}
        {query.hasNextPage && (
          <p>
            <Button variant="default" size="xs" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t("audit.earlier")}
            </Button>
          </p>
        )}
      </div>
    </>
  );
}

function Line({ entry, opened, set }: { entry: Entry; opened: boolean; set: (part: AuditSearch) => void }) {
  const [resources = "", id = ""] = entry.subject.split("/");
  return (
    <li>
      <button
        type="button"
        className="plain audit-line"
        aria-expanded={opened}
        onClick={() => set({ entry: opened ? undefined : entry.id })}
      >
        <time className="muted nowrap" dateTime={entry.time}>
          {entry.time && at(entry.time)}
        </time>
        {UUID.test(entry.actor) ? <Person id={entry.actor} /> : <span className="clip">{entry.actor || "–"}</span>}
        <span className="strong clip">{short(entry.action)}</span>
        <span className="muted clip">{entry.subject}</span>
      </button>
      {opened && (
        <div className="audit-detail stack">
          <div className="line wrap">
            <RecordLink resources={resources} id={id}>
              {entry.subject}
            </RecordLink>
            <button type="button" className="toggle" onClick={() => set({ subject: entry.subject })}>
              {t("audit.onlySubject")}
            </button>
            <button type="button" className="toggle" onClick={() => set({ actor: entry.actor })}>
              {t("audit.onlyActor")}
            </button>
            <button type="button" className="toggle" onClick={() => set({ action: entry.action })}>
              {t("audit.onlyAction")}
            </button>
          </div>
          <Changes changes={entry.changes} />
          <dl className="facts">
            <dt>{t("audit.action")}</dt>
            <dd>
              <code>{entry.action}</code>
            </dd>
            <dt>{t("audit.version")}</dt>
            <dd>{entry.version}</dd>
            {entry.onBehalfOf && (
              <>
                <dt>{t("audit.behalf")}</dt>
                <dd>
                  <Person id={entry.onBehalfOf} />
                </dd>
              </>
            )}
            <dt>{t("audit.request")}</dt>
            <dd>
              <code>{entry.correlationId || "–"}</code>
            </dd>
            {entry.causationId && (
              <>
                <dt>{t("audit.cause")}</dt>
                <dd>
                  <code>{entry.causationId}</code>
                </dd>
              </>
            )}
          </dl>
        </div>
      )}
    </li>
  );
}

function Day({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  return (
    <label className="line muted">
      {label}
      <input type="date" className="toggle" value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)} />
    </label>
  );
}
