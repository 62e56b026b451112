import { quoted, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { StateChip } from "@/records/chips";
import { assignee, number, reason, team, title } from "@/records/common";
import type { Kind, Verb } from "@/records/kind";
import { eventText, STATE_TONES, stateText } from "@/records/states";
import { Ago } from "@/ui/bits";
import { Person } from "@/ui/people";
import { at, between } from "@/ui/time";
import { Changes } from "./Changes";

type Release = Schemas["Release"];

const STILL_OPEN = "state IN (PLANNING, BUILD, TEST, DEPLOY, EARLY_LIFE_SUPPORT)";

type Id = "build" | "test" | "rework" | "deploy" | "support" | "close" | "cancel";

const verb = (id: Id, from: Verb<Release>["from"], rest: Partial<Verb<Release>> = {}): Verb<Release> => ({
  id,
  label: t(`verb.${id}`),
  from,
  ...rest,
});

const verbs: readonly Verb<Release>[] = [
  verb("build", ["PLANNING"], { permission: "move", key: "s" }),
  verb("test", ["BUILD"], { permission: "move", key: "s" }),
  verb("deploy", ["TEST"], { key: "s" }),
  verb("support", ["DEPLOY"], { permission: "move", key: "s" }),
  verb("close", ["EARLY_LIFE_SUPPORT"], {
    key: "e",
    fields: () => [{ name: "result", label: t("release.result"), kind: "area", required: true }],
  }),
  verb("rework", ["TEST", "DEPLOY"], { permission: "move", fields: () => [reason] }),
  verb("cancel", ["PLANNING", "BUILD", "TEST"], { fields: () => [reason], danger: true }),
];

const State = ({ state }: { state: string }) => <StateChip tones={STATE_TONES} state={state} text={stateText(state)} />;

const fields = [
  { name: "title", label: t("record.title"), kind: "text" as const, required: true },
  { name: "description", label: t("record.description"), kind: "area" as const },
  { name: "releaseVersion", label: t("release.version"), kind: "text" as const },
  { name: "startTime", label: t("release.start"), kind: "time" as const },
  { name: "endTime", label: t("release.end"), kind: "time" as const },
  team,
  assignee,
];

/** Changes that reach people together. */
export const RELEASES: Kind<Release> = {
  resources: "releases",
  many: t("nav.releases"),
  one: t("release.one"),
  icon: "release",
  views: [
    { value: "open", label: t("view.open"), filter: () => STILL_OPEN },
    { value: "mine", label: t("view.mine"), filter: (me) => `${STILL_OPEN} AND assigneeId = ${quoted(me)}` },
    { value: "all", label: t("view.all"), filter: () => "" },
  ],
  columns: [
    { title: t("record.state"), width: "10rem", cell: ({ state }) => <State state={state} /> },
    number("releases"),
    title(),
    { title: t("release.version"), width: "6rem", minor: true, cell: ({ releaseVersion }) => releaseVersion || "–" },
    {
      title: t("release.window"),
      width: "11rem",
      minor: true,
      cell: ({ startTime }) =>
        startTime ? <time dateTime={startTime}>{at(startTime)}</time> : <span className="muted">–</span>,
    },
    { title: t("release.changes"), width: "5rem", minor: true, cell: ({ changeIds }) => changeIds.length },
    assignee.column(),
  ],
  verbs,
  stateText,
  happened: eventText,
  chips: ({ state }) => <State state={state} />,
  facts: (release) => [
    [t("release.version"), release.releaseVersion || null],
    [t("release.window"), release.startTime ? between(release.startTime, release.endTime) : null],
    team.fact(release),
    assignee.fact(release),
    [t("record.requester"), <Person key="r" id={release.requesterId} />],
    [t("record.opened"), <Ago key="o" time={release.createTime} />],
    [t("record.changed"), <Ago key="u" time={release.updateTime} />],
    [
      t("release.result"),
      release.result ? (
        <span key="s" className="prose">
          {release.result}
        </span>
      ) : null,
    ],
  ],
  main: (release) => <Changes release={release} />,
  create: () => fields,
  edit: fields,
};
