import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useAssetName } from "@/ui/assets";

/** Kinds that have a page of their own, by the plural that addresses and subjects of events have. */
const PAGES = new Set([
  "incidents",
  "problems",
  "changes",
  "releases",
  "majors",
  "requests",
  "tasks",
  "articles",
  "catalogItems",
  "approvals",
  "assets",
  "alerts",
]);

export const hasPage = (resources: string) => PAGES.has(resources);

/** The address of a record's page; its kind is data, which the router's types cannot know. */
export const addressOf = (resources: string, id: string) => ({ to: `/${resources}/$id` as "/incidents/$id", params: { id } });

export function RecordLink({ resources, id, children }: { resources: string; id: string; children: ReactNode }) {
  if (!hasPage(resources)) return <span>{children}</span>;
  return <Link {...addressOf(resources, id)}>{children}</Link>;
}

export function AssetLinks({ ids }: { ids: readonly string[] }) {
  return (
    <span className="line wrap">
      {ids.map((id) => (
        <AssetLink key={id} id={id} />
      ))}
    </span>
  );
}

function AssetLink({ id }: { id: string }) {
  return (
    <RecordLink resources="assets" id={id}>
      {useAssetName(id) || id}
    </RecordLink>
  );
}
