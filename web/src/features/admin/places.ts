import { t } from "@/i18n";
import type { IconName } from "@/ui/Icon";

/** Something that is set up here, in words people know. */
export interface Place {
  /** The resource, or the name of a page of its own. */
  id: string;
  /** Its command on the command line. */
  command?: string;
  /** Whether `itsm admin apply` keeps it as code. */
  asCode?: true;
  /** Where it is, if not in this room's generic pages. */
  to?: string;
  permission: string;
}

export interface Group {
  id: string;
  icon: IconName;
  places: readonly Place[];
}

const kind = (id: string, command: string, asCode?: true): Place => ({ id, command, asCode, permission: `${id}.list` });

export const GROUPS: readonly Group[] = [
  {
    id: "people",
    icon: "person",
    places: [
      { id: "users", to: "/admin/users", permission: "users.list" },
      { id: "roles", command: "role", asCode: true, to: "/admin/roles", permission: "roles.list" },
      { id: "teams", to: "/admin/teams", permission: "teams.list" },
      kind("agentProfiles", "profile"),
      kind("approvalDelegations", "delegation"),
      kind("directories", "directory"),
      kind("tokens", "token"),
    ],
  },
  {
    id: "promises",
    icon: "clock",
    places: [
      kind("slaPolicies", "sla", true),
      kind("calendars", "calendar", true),
      kind("followUpPolicies", "follow-up", true),
      kind("surveyPolicies", "survey-policy", true),
    ],
  },
  {
    id: "work",
    icon: "task",
    places: [
      { id: "catalogItems", to: "/catalogItems", permission: "catalogItems.list" },
      kind("ticketTemplates", "ticket-template", true),
      kind("recurringTickets", "recurring", true),
      kind("macros", "macro"),
      kind("cannedReplies", "reply"),
    ],
  },
  {
    id: "rules",
    icon: "bolt",
    places: [
      kind("automationRules", "auto-rule", true),
      kind("routingRules", "route", true),
      kind("triageModels", "triage-model"),
    ],
  },
  {
    id: "changes",
    icon: "change",
    places: [
      kind("approvalPolicies", "approval-policy", true),
      kind("changeTemplates", "chg-template", true),
      kind("blackouts", "blackout"),
    ],
  },
  {
    id: "notices",
    icon: "alert",
    places: [
      kind("notificationRules", "notification-rule", true),
      kind("templates", "template", true),
      kind("chatRooms", "room"),
      kind("mailboxes", "mailbox"),
      kind("deliveries", "delivery"),
    ],
  },
  {
    id: "monitoring",
    icon: "wave",
    places: [
      kind("checks", "check", true),
      kind("alertRules", "rule", true),
      kind("maintenanceWindows", "maintenance", true),
      kind("silences", "silence"),
      kind("notificationTargets", "target", true),
      { id: "schedules", to: "/schedules", permission: "schedules.list" },
      { id: "escalationPolicies", to: "/schedules", permission: "escalationPolicies.list" },
    ],
  },
  {
    id: "assets",
    icon: "asset",
    places: [kind("assetClasses", "class", true), kind("agents", "agent"), { id: "imports", permission: "imports.list" }],
  },
  {
    id: "others",
    icon: "link",
    places: [kind("integrations", "integration", true), kind("webhooks", "webhook"), kind("connections", "connection")],
  },
  {
    id: "machinery",
    icon: "settings",
    places: [
      kind("jobs", "job"),
      { id: "deadLetters", to: "/admin/deadLetters", permission: "deadLetters.list" },
      { id: "audit", to: "/audit", permission: "auditEntries.list" },
    ],
  },
];

export const placeOf = (id: string) => GROUPS.flatMap(({ places }) => places).find((place) => place.id === id);

export const nameOf = (id: string) => t(`admin.kinds.${id as "users"}.name`, { defaultValue: id });
export const hintOf = (id: string) => t(`admin.kinds.${id as "users"}.hint`, { defaultValue: "" });
