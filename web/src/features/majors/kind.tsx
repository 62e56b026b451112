import { quoted, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { AnyLink } from "@/records/AnyLink";
import { StateChip } from "@/records/chips";
import { number, reason, team, title } from "@/records/common";
import { findRecords } from "@/records/finding";
import type { Kind, Verb } from "@/records/kind";
import { eventText, STATE_TONES, stateText } from "@/records/states";
import { Tasks } from "@/records/Tasks";
import { Ago, Chip } from "@/ui/bits";
import { Person } from "@/ui/people";
import { Children } from "./Children";
import { Checklist, Roles, Services } from "./cards";
import { Review } from "./Review";
import { NextUpdate, Since } from "./times";
import { Updates } from "./Updates";

type Major = Schemas["Major"];

const CODES = ["repaired", "workaround", "configured", "explained", "no-fault-found"] as const;

type Id = "declare" | "resolve" | "close" | "reopen" | "decline";

const verb = (id: Id, from: Verb<Major>["from"], rest: Partial<Verb<Major>> = {}): Verb<Major> => ({
  id,
  label: t(`verb.${id}`),
  from,
  ...rest,
});

const verbs: readonly Verb<Major>[] = [
  verb("declare", ["CANDIDATE"], {
    key: "s",
    fields: (_, me) => [{ name: "commanderId", label: t("major.commander"), kind: "person", initial: me }],
  }),
  verb("resolve", ["DECLARED"], {
    key: "e",
    fields: () => [
      {
        name: "resolutionCode",
        label: t("major.resolutionCode"),
        kind: "choice",
        required: true,
        initial: "repaired",
        options: CODES.map((value) => ({ value, label: t(`code.${value}`) })),
      },
      { name: "resolution", label: t("major.resolution"), kind: "area", required: true },
      { name: "resolveChildren", label: t("major.resolveChildren"), kind: "toggle", initial: true },
    ],
  }),
  verb("close", ({ state, review }) => state === "RESOLVED" && Boolean(review?.summary)),
  verb("reopen", ["RESOLVED"], { fields: () => [reason] }),
  verb("decline", ["CANDIDATE", "DECLARED"], { fields: () => [reason], danger: true }),
];

const State = ({ state }: { state: string }) => <StateChip tones={STATE_TONES} state={state} text={stateText(state)} />;

/** Incidents that are handled beyond the usual; the page of one is its war room. */
export const MAJORS: Kind<Major> = {
  resources: "majors",
  many: t("nav.majors"),
  one: t("major.one"),
  icon: "major",
  views: [
    { value: "present", label: t("major.views.present"), filter: () => "state IN (CANDIDATE, DECLARED)" },
    {
      value: "mine",
      label: t("view.mine"),
      filter: (me) => `state IN (CANDIDATE, DECLARED, RESOLVED) AND roles.personId = ${quoted(me)}`,
    },
    { value: "resolved", label: t("view.resolved"), filter: () => "state = RESOLVED" },
    { value: "all", label: t("view.all"), filter: () => "" },
  ],
  columns: [
    { title: t("record.state"), width: "7rem", cell: ({ state }) => <State state={state} /> },
    number("majors"),
    title(),
    { title: t("major.commander"), width: "11rem", minor: true, cell: ({ assigneeId }) => <Person id={assigneeId} /> },
    { title: t("major.next"), width: "9rem", cell: (major) => <NextUpdate major={major} /> },
    { title: t("major.declared"), width: "6rem", minor: true, cell: ({ declareTime }) => <Ago time={declareTime} /> },
  ],
  verbs,
  stateText,
  happened: eventText,
  chips: (major) => (
    <>
      <State state={major.state} />
      {major.state === "DECLARED" && <NextUpdate major={major} />}
      {major.missedUpdateCount > 0 && (
        <Chip tone="hot" icon="late">
          {t("major.missed")}: {major.missedUpdateCount}
        </Chip>
      )}
    </>
  ),
  facts: (major) => [
    [t("major.incident"), <AnyLink key="i" target={`incidents/${major.incidentId}`} titled />],
    [t("major.commander"), <Person key="c" id={major.assigneeId} lone={t("major.free")} />],
    team.fact(major),
    [t("record.requester"), <Person key="r" id={major.requesterId} />],
    [t("major.declared"), major.declareTime ? <Ago key="d" time={major.declareTime} /> : null],
    [t("major.lasts"), major.declareTime ? <Since key="l" major={major} /> : null],
    [
      t("major.resolution"),
      major.resolution ? (
        <span key="s" className="prose">
          {major.resolution}
        </span>
      ) : null,
    ],
  ],
  main: (major) => (
    <>
      <Review major={major} />
      <Updates major={major} />
      <Children major={major} />
    </>
  ),
  side: (major) => (
    <>
      <Roles major={major} />
      <Checklist major={major} />
      <Services major={major} />
      <Tasks resources="majors" id={major.id} />
    </>
  ),
  create: () => [
    { name: "incidentId", label: t("major.incident"), kind: "record", required: true, find: findRecords("incidents") },
    { name: "title", label: t("major.title"), kind: "text" },
    { name: "description", label: t("major.description"), kind: "area" },
  ],
  edit: [
    { name: "title", label: t("major.title"), kind: "text", required: true },
    { name: "description", label: t("major.description"), kind: "area" },
    team,
    { name: "serviceIds", label: t("major.services"), kind: "assets" },
  ],
};
