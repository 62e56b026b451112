import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { Ago, Problem, Towards } from "@/ui/bits";
import { Views } from "@/ui/filters";
import { Icon, type IconName } from "@/ui/Icon";
import { Person, usePerson } from "@/ui/people";
import { Team } from "@/ui/teams";
import { lasting } from "@/ui/time";
import { useNotes } from "./data";
import type { DeskRecord, Kind } from "./kind";
import { AssetLinks } from "./RecordLink";

type Entry = Schemas["TimelineEntry"];
type Note = Schemas["Note"];

const PAGE = 50;
const FEW = 5;
const QUIET = new Set([
  "clocks",
  "acknowledgeTime",
  "resolveTime",
  "closeTime",
  "nextDueTime",
  "reassignmentCount",
  "reopenCount",
  "firingAlertIds",
  "firingAlertCount",
]);

interface Answer {
  entries: Entry[];
  nextPageToken: string;
}

/** All that happened, the newest first; notes are told whole. */
export function Timeline<R extends DeskRecord>({ kind, id, few = false }: { kind: Kind<R>; id: string; few?: boolean }) {
  const [shown, setShown] = useState<"all" | "notes">("all");
  const entries = useInfiniteQuery({
    queryKey: [kind.resources, "history", id, few],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      ask<Answer>("GET", `${kind.resources}/${id}/timeline`, {
        query: { pageSize: few ? FEW : PAGE, pageToken: pageParam || undefined },
      }),
    getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
  });
  const { data: notes } = useNotes(kind.resources, id, kind.noteable !== false);
  if (entries.isError) return <Problem error={entries.error} retry={() => void entries.refetch()} />;
  const all = entries.data?.pages.flatMap((page) => page.entries) ?? [];
  const listed = shown === "all" ? all : all.filter((entry) => isNote(kindOf(entry)));
  return (
    <div className="stack">
      {!few && (
        <div>
          <Views
            label={t("timeline.kinds")}
            views={[
              { value: "all", label: t("timeline.all") },
              { value: "notes", label: t("timeline.notes") },
            ]}
            value={shown}
            onChange={(value) => setShown(value as "all" | "notes")}
          />
        </div>
      )}
      <ol className="timeline" aria-label={t("timeline.label")}>
        {listed.map((entry) => (
          <Line key={entry.id} entry={entry} kind={kind} note={notes?.get(noteId(entry))} />
        ))}
      </ol>
      {listed.length === 0 && entries.isSuccess && <p className="muted">{t("timeline.none")}</p>}
      {!few && entries.hasNextPage && (
        <div>
          <Button variant="default" size="xs" loading={entries.isFetchingNextPage} onClick={() => void entries.fetchNextPage()}>
            {t("timeline.earlier")}
          </Button>
        </div>
      )}
    </div>
  );
}

const kindOf = (entry: Entry) => entry.type.split(".").at(-1) ?? "";

/** Notes are records of their own; the entry's subject names them. */
const noteId = (entry: Entry) => {
  const detail = entry.detail as { note?: { id?: string }; noteId?: string } | undefined;
  const [kind, id] = entry.subject.split("/");
  return detail?.note?.id ?? detail?.noteId ?? (kind === "notes" ? id : "") ?? "";
};

const ICONS: Record<string, IconName> = {
  IncidentOpened: "incident",
  IncidentAssigned: "person",
  IncidentStarted: "play",
  IncidentHeld: "pause",
  IncidentResumed: "play",
  IncidentResolved: "check",
  IncidentReopened: "undo",
  IncidentClosed: "check",
  IncidentCancelled: "close",
  IncidentLinked: "link",
  IncidentEscalated: "late",
  NoteAdded: "note",
  NoteImported: "note",
};

const isNote = (kind: string) => kind === "NoteAdded" || kind === "NoteImported";

function Line<R extends DeskRecord>({ entry, note, kind: of }: { entry: Entry; note: Note | undefined; kind: Kind<R> }) {
  const kind = kindOf(entry);
  const detail = (entry.detail ?? {}) as Record<string, unknown>;
  const person =
    typeof detail.externalActor === "string" && detail.externalActor ? detail.externalActor : (note?.authorId ?? entry.actor);
  const name = usePerson(person);
  const changes = entry.changes.filter(({ field }) => !QUIET.has(field));
  const why = typeof detail.reason === "string" ? detail.reason : "";
  return (
    <li className="entry">
      <span className="dot">
        <Icon name={ICONS[kind] ?? "change"} />
      </span>
      <div>
        <header>
          <strong>{/^(itsm-|service:)/.test(entry.actor) ? t("timeline.platform") : name || t("timeline.somebody")}</strong>
          <span>{of.happened?.(kind) ?? happened(kind)}</span>
          {kind === "IncidentEscalated" && <span className="muted">{escalation(detail)}</span>}
          <span className="end">
            <Ago time={entry.time} />
          </span>
        </header>
        {isNote(kind) && note && (
          <div className="note" data-public={note.public}>
            {note.public && <p className="muted">{t("timeline.public")}</p>}
            <p className="prose">{note.text}</p>
          </div>
        )}
        {why && kind !== "IncidentHeld" && <p className="changes">{why}</p>}
        {changes.length > 0 && (
          <ul className="changes">
            {changes.map((change) => (
              <li key={change.field}>
                {t(`field.${change.field as "state"}`, { defaultValue: spaced(change.field) })}:{" "}
                <Value field={change.field} value={change.old} stateText={of.stateText} old />{" "}
                <Value field={change.field} value={change.new} stateText={of.stateText} />
              </li>
            ))}
          </ul>
        )}
      </div>
    </li>
  );
}

const KNOWN = {
  IncidentOpened: 1,
  IncidentUpdated: 1,
  IncidentAssigned: 1,
  IncidentStarted: 1,
  IncidentHeld: 1,
  IncidentResumed: 1,
  IncidentResolved: 1,
  IncidentReopened: 1,
  IncidentClosed: 1,
  IncidentCancelled: 1,
  IncidentLinked: 1,
  IncidentEscalated: 1,
  IncidentImported: 1,
  NoteAdded: 1,
  NoteImported: 1,
} as const;

const PEOPLE = new Set(["assigneeId", "requesterId", "implementerId", "ownerId", "reviewerId"]);

/** `dueTime` as people read it. */
const spaced = (name: string) => name.replace(/Ids?$/, "").replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);

/** What an event says in the kit's words; its own name where there are none. */
const happened = (kind: string) => (kind in KNOWN ? t(`event.${kind as keyof typeof KNOWN}`) : spaced(kind).trim());

function escalation(detail: Record<string, unknown>): string {
  const clock = detail.clock as { kind?: string } | undefined;
  const late = typeof detail.lateByMs === "number" && detail.lateByMs > 60_000 ? ` (+${lasting(detail.lateByMs)})` : "";
  return [clock?.kind ? t(`clock.${clock.kind as "RESPONSE"}`) : "", String(detail.step ?? ""), late].filter(Boolean).join(" ");
}

/** A value by what its field names: a person, a team, an asset, a state; else as it is. */
function shownAs(field: string, text: string, stateText: (state: string) => string): ReactNode {
  if (PEOPLE.has(field)) return <Person id={text} />;
  if (field === "teamId") return <Team id={text} />;
  if (field === "state") return stateText(text);
  return text.startsWith("ast_") ? <AssetLinks ids={[text]} /> : text;
}

function Value({
  field,
  value,
  stateText,
  old = false,
}: {
  field: string;
  value: unknown;
  stateText: (state: string) => string;
  old?: boolean;
}) {
  const text =
    value === null || value === undefined || value === ""
      ? ""
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value);
  if (!text || /^[A-Z_]+_UNSPECIFIED$/.test(text)) return old ? null : <span className="muted">–</span>;
  const shown = shownAs(field, text, stateText);
  return old ? (
    <>
      <del>{shown}</del> <Towards />
    </>
  ) : (
    <span>{shown}</span>
  );
}
