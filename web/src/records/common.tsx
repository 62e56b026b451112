import type { ReactNode } from "react";
import { t } from "@/i18n";
import { Ago } from "@/ui/bits";
import { Person } from "@/ui/people";
import { Team } from "@/ui/teams";
import type { Column, DeskRecord, Field } from "./kind";
import { RecordLink } from "./RecordLink";

/** What nearly every kind has: its columns, facts and fields, said once. */

type Fact = readonly [string, ReactNode];

export const number = (resources: string): Column<{ number?: string } & DeskRecord> => ({
  title: t("record.number"),
  width: "6.5rem",
  minor: true,
  cell: (record) => (
    <RecordLink resources={resources} id={record.number || record.id}>
      {record.number || record.id}
    </RecordLink>
  ),
});

export const title = (): Column<DeskRecord> => ({
  title: t("record.title"),
  width: "minmax(12rem, 1fr)",
  cell: (record) => (
    <span className="strong" title={record.title}>
      {record.title}
    </span>
  ),
});

export const opened = (): Column<DeskRecord> => ({
  title: t("record.opened"),
  width: "5rem",
  minor: true,
  cell: ({ createTime }) => <Ago time={createTime} />,
});

type OfTeam = DeskRecord & { teamId: string };
type OfAssignee = DeskRecord & { assigneeId: string };

export const team = {
  name: "teamId",
  label: t("record.team"),
  kind: "team" as const,
  column: (): Column<OfTeam> => ({
    title: t("record.team"),
    width: "11rem",
    minor: true,
    cell: ({ teamId }) => <Team id={teamId} />,
  }),
  fact: ({ teamId }: { teamId: string }): Fact => [t("record.team"), <Team key="t" id={teamId} lone={t("record.noTeam")} />],
};

export const assignee = {
  name: "assigneeId",
  label: t("record.assignee"),
  kind: "person" as const,
  column: (): Column<OfAssignee> => ({
    title: t("record.assignee"),
    width: "10rem",
    minor: true,
    cell: ({ assigneeId }) => <Person id={assigneeId} />,
  }),
  fact: ({ assigneeId }: { assigneeId: string }): Fact => [
    t("record.assignee"),
    <Person key="a" id={assigneeId} lone={t("record.nobody")} />,
  ],
};

export const category: Field = { name: "category", label: t("record.category"), kind: "text" };
export const reason: Field = { name: "reason", label: t("record.reason"), kind: "area", required: true };

const LEVELS = ["HIGH", "MEDIUM", "LOW"] as const;

export const level = (name: "impact" | "urgency"): Field => ({
  name,
  label: t(`field.${name}`),
  kind: "choice",
  required: true,
  initial: "MEDIUM",
  options: LEVELS.map((value) => ({ value, label: t(`level.${value}`) })),
});
