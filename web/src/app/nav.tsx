import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ask, quoted } from "@/api/client";
import { t } from "@/i18n";
import type { IconName } from "@/ui/Icon";
import { useNotices } from "./notices";
import { useSession } from "./session";

/** A place that the rail leads to. */
export interface Place {
  to: string;
  icon: IconName;
  label: string;
  /** Who may not do this has nothing to do there; empty for everybody. */
  permission: string;
  /** Keys that lead there. */
  key?: string;
  /** How much waits there. */
  count?: ReactNode;
}

export interface Group {
  label: string;
  places: readonly Place[];
}

/** Where one can go, as the rail, the keys and the palette have it. */
export const GROUPS = (): readonly Group[] => [
  {
    label: t("nav.desk"),
    places: [
      { to: "/inbox", icon: "inbox", label: t("nav.inbox"), permission: "", key: "g b", count: <Unread /> },
      {
        to: "/incidents",
        icon: "incident",
        label: t("nav.incidents"),
        permission: "incidents.list",
        key: "g i",
        count: <Count resources="incidents" filter="state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)" />,
      },
      {
        to: "/requests",
        icon: "request",
        label: t("nav.requests"),
        permission: "requests.list",
        key: "g r",
        count: <Count resources="requests" filter="state IN (WAITING_FOR_APPROVAL, APPROVED, IN_PROGRESS, ON_HOLD)" />,
      },
      {
        to: "/majors",
        icon: "major",
        label: t("nav.majors"),
        permission: "majors.list",
        key: "g m",
        count: <Count resources="majors" filter="state = DECLARED" />,
      },
      { to: "/problems", icon: "problem", label: t("nav.problems"), permission: "problems.list", key: "g p" },
      { to: "/changes", icon: "change", label: t("nav.changes"), permission: "changes.list", key: "g h" },
      { to: "/releases", icon: "release", label: t("nav.releases"), permission: "releases.list", key: "g l" },
      {
        to: "/approvals",
        icon: "approve",
        label: t("nav.approvals"),
        permission: "approvals.list",
        key: "g v",
        count: <MyVotes />,
      },
      { to: "/tasks", icon: "task", label: t("nav.tasks"), permission: "tasks.list", key: "g t" },
      { to: "/articles", icon: "knowledge", label: t("nav.articles"), permission: "articles.list", key: "g k" },
    ],
  },
  {
    label: t("nav.operations"),
    places: [
      {
        to: "/alerts",
        icon: "alert",
        label: t("nav.alerts"),
        permission: "alerts.list",
        key: "g a",
        count: <Count resources="alerts" filter="state = FIRING" />,
      },
      { to: "/schedules", icon: "clock", label: t("nav.schedules"), permission: "schedules.list", key: "g n" },
      { to: "/assets", icon: "asset", label: t("nav.assets"), permission: "assets.list", key: "g c" },
    ],
  },
  {
    label: t("nav.insight"),
    places: [
      {
        to: "/dashboards",
        icon: "dashboard",
        label: t("nav.dashboards"),
        permission: "dashboards.list",
        key: "g d",
      },
    ],
  },
  {
    label: t("nav.administration"),
    places: [
      { to: "/catalogItems", icon: "catalog", label: t("nav.catalog"), permission: "catalogItems.list", key: "g o" },
      { to: "/admin", icon: "settings", label: t("nav.settings"), permission: "slaPolicies.list", key: "g s" },
      { to: "/audit", icon: "audit", label: t("nav.audit"), permission: "auditEntries.list", key: "g u" },
    ],
  },
];

function Unread() {
  const unread = useNotices();
  return unread > 0 ? <Shown value={unread} capped={unread >= 99} /> : null;
}

function MyVotes() {
  const { me } = useSession();
  const filter = `state = WAITING AND voterIds = ${quoted(me.subject)}`;
  const { data } = useQuery({
    queryKey: ["counts", "approvals", filter],
    // Few wait for one person, so that they are listed, not counted.
    queryFn: () =>
      ask<{ approvals: unknown[]; nextPageToken: string }>("GET", "approvals", { query: { filter, pageSize: 50 } }),
  });
  return data ? <Shown value={data.approvals.length} capped={data.nextPageToken !== ""} /> : null;
}

function Count({ resources, filter }: { resources: string; filter: string }) {
  const { data } = useQuery({
    queryKey: ["counts", resources, filter],
    queryFn: () => ask<{ value: number; capped: boolean }>("GET", `${resources}:count`, { query: { filter } }),
  });
  return data ? <Shown {...data} /> : null;
}

const Shown = ({ value, capped }: { value: number; capped: boolean }) => (
  <span className="count">
    {value}
    {capped ? "+" : ""}
  </span>
);
