import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { ask, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { addressOf, hasPage } from "@/records/RecordLink";
import { toast } from "@/ui/toasts";

type Item = Schemas["InboxItem"];

/** What is written into the inbox a moment after the event that made it is found at the latest so long after it. */
const LOOKED_AFTER_MS = 60_000;

/** How much of the inbox is unread. What comes while this tab is looked at is said once, at the edge of the screen. */
export function useNotices(): number {
  const navigate = useNavigate();
  const heard = useRef<string | null>(null);
  const { data } = useQuery({
    queryKey: ["counts", "inbox"],
    queryFn: () => ask<{ items: Item[]; unreadCount: number }>("GET", "inbox", { query: { pageSize: 1, unread: true } }),
    refetchInterval: LOOKED_AFTER_MS,
  });
  useEffect(() => {
    if (data === undefined) return;
    const newest = data.items[0];
    const before = heard.current;
    const time = newest?.createTime ?? "";
    if (before === null || time > before) heard.current = time;
    // What waited when the page was opened is counted, not said.
    if (before === null || newest === undefined || time <= before || document.hidden) return;
    const [resources = "", id = ""] = newest.subject.split("/");
    const open = { label: t("list.open"), run: () => void navigate(addressOf(resources, id)) };
    toast(newest.title, { action: hasPage(resources) ? open : undefined });
  }, [data, navigate]);
  return data?.unreadCount ?? 0;
}
