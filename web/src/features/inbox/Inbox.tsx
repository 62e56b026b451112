import { Button } from "@mantine/core";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, body, type Schemas } from "@/api/client";
import { useCommands } from "@/app/keys";
import { t } from "@/i18n";
import { AnyLink } from "@/records/AnyLink";
import { addressOf } from "@/records/RecordLink";
import { Ago, Empty, Loading, Problem } from "@/ui/bits";
import { Views } from "@/ui/filters";
import { Icon } from "@/ui/Icon";
import { toastProblem } from "@/ui/toasts";

type Item = Schemas["InboxItem"];

const route = getRouteApi("/inbox");

/** What the person was told of: mentions, assignments, approvals, warnings, work that ended. */
export function Inbox() {
  const { view } = route.useSearch();
  const navigate = useNavigate({ from: "/inbox" });
  const client = useQueryClient();
  const [at, setAt] = useState(0);
  const unread = view !== "all";
  const query = useInfiniteQuery({
    queryKey: ["inbox", "list", unread],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      body(api.GET("/api/v1/inbox", { params: { query: { unread, ...(pageParam ? { pageToken: pageParam } : {}) } } })),
    getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
  });
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  const present = items[Math.min(at, items.length - 1)];
  const read = async (ids: string[], all = false) => {
    await body(api.POST("/api/v1/inbox:read", { body: { ids, all } }));
    void client.invalidateQueries({ queryKey: ["inbox"] });
    void client.invalidateQueries({ queryKey: ["counts", "inbox"] });
  };
  const open = (item: Item | undefined) => {
    const [resources, id] = item?.subject.split("/") ?? [];
    if (item === undefined || !resources || !id) return;
    void read([item.id]).catch(toastProblem);
    void navigate(addressOf(resources, id));
  };
  const group = t("inbox.title");
  useCommands([
    {
      id: "inbox.next",
      label: t("list.next"),
      keys: ["j", "ArrowDown"],
      group,
      palette: false,
      run: () => setAt(Math.min(at + 1, items.length - 1)),
    },
    {
      id: "inbox.previous",
      label: t("list.previous"),
      keys: ["k", "ArrowUp"],
      group,
      palette: false,
      run: () => setAt(Math.max(at - 1, 0)),
    },
    { id: "inbox.open", label: t("list.open"), keys: ["Enter"], group, palette: false, run: () => open(present) },
    {
      id: "inbox.read",
      label: t("inbox.read"),
      keys: ["e"],
      group,
      run: () => present && void read([present.id]).catch(toastProblem),
    },
  ]);
  return (
    <>
      <div className="page-head">
        <h1>{t("inbox.title")}</h1>
        <Views
          label={t("list.views")}
          views={[
            { value: "unread", label: t("inbox.unread") },
            { value: "all", label: t("inbox.all") },
          ]}
          value={unread ? "unread" : "all"}
          onChange={(value) => void navigate({ search: { view: value === "all" ? "all" : undefined }, replace: true })}
        />
        <div className="verbs">
          <Button
            size="xs"
            variant="default"
            disabled={items.length === 0}
            onClick={() => void read([], true).catch(toastProblem)}
          >
            {t("inbox.readAll")}
          </Button>
        </div>
      </div>
      <div className="page-scroll">
        {query.isPending && <Loading />}
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.isSuccess && items.length === 0 && (
          <Empty icon="check" title={t("inbox.none")}>
            {t("inbox.noneText")}
          </Empty>
        )}
        {items.length > 0 && (
          <ol className="card inbox" aria-label={t("inbox.title")}>
            {items.map((item, index) => (
              <li key={item.id} data-active={index === at} data-read={item.readTime !== undefined}>
                <Icon name={item.urgent ? "late" : "alert"} />
                <div className="stack">
                  <span className="strong">{item.title}</span>
                  <span>{item.text}</span>
                  <AnyLink target={item.subject} titled />
                </div>
                <Ago time={item.createTime} />
                {item.readTime === undefined && (
                  <button
                    type="button"
                    className="sign"
                    aria-label={`${t("inbox.read")}: ${item.title}`}
                    onClick={() => void read([item.id]).catch(toastProblem)}
                  >
                    <Icon name="check" />
                  </button>
                )}
              </li>
            ))}
          </ol>
        )}
        {query.hasNextPage && (
          <Button variant="default" size="xs" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t("timeline.earlier")}
          </Button>
        )}
      </div>
    </>
  );
}
