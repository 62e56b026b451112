import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ask } from "@/api/client";
import { t } from "@/i18n";
import type { IconName } from "@/ui/Icon";

/** A place that the rail leads to. */
export interface Place {
  to: string;
  icon: IconName;
  label: string;
  /** Who may not do this has nothing to do there. */
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
      {
        to: "/incidents",
        icon: "incident",
        label: t("nav.incidents"),
        permission: "incidents.list",
        key: "g i",
        count: <Count resources="incidents" filter="state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)" />,
      },
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
];

function Count({ resources, filter }: { resources: string; filter: string }) {
  const { data } = useQuery({
    queryKey: ["counts", resources, filter],
    queryFn: () => ask<{ value: number; capped: boolean }>("GET", `${resources}:count`, { query: { filter } }),
  });
  return data ? (
    <span className="count">
      {data.value}
      {data.capped ? "+" : ""}
    </span>
  ) : null;
}
