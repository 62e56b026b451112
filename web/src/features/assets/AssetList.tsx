import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useRef } from "react";
import { type Asset, api, body, type Page, quoted } from "@/api/client";
import { useCommands } from "@/app/keys";
import type { AssetSearch } from "@/app/search";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { className } from "@/ui/assets";
import { Ago, Empty, Loading, Problem } from "@/ui/bits";
import { TextFilter } from "@/ui/filters";
import { RowList } from "@/ui/RowList";
import { Team } from "@/ui/teams";
import { useCursor } from "@/ui/useCursor";
import { useLiveList } from "@/ui/useLiveList";
import { CriticalityChip, LifeChip } from "./chips";

const route = getRouteApi("/assets");
const COLUMNS = "minmax(12rem, 2fr) 10rem 7.5rem 7rem minmax(7rem, 1fr) minmax(7rem, 1fr) 6rem";
const HEAD = [
  { title: t("asset.name") },
  { title: t("asset.class") },
  { title: t("asset.state") },
  { title: t("asset.criticality"), minor: true },
  { title: t("record.team"), minor: true },
  { title: t("asset.location"), minor: true },
  { title: t("asset.seen"), minor: true },
];

async function listAssets(filter: string, orderBy: string, pageToken: string, pageSize: number): Promise<Page<Asset>> {
  const query = { filter, orderBy, pageSize, ...(pageToken ? { pageToken } : {}) };
  const answer = await body(api.GET("/api/v1/assets", { params: { query } }));
  return { items: answer.assets, next: answer.nextPageToken };
}

const filterOf = (search: AssetSearch) =>
  [search.class ? `class = ${quoted(search.class)}` : "", search.text ? `name:${quoted(search.text)}` : ""]
    .filter(Boolean)
    .join(" AND ");

const cells = (asset: Asset) => [
  <Link key="n" to="/assets/$id" params={{ id: asset.id }} tabIndex={-1} className="strong">
    {asset.name}
  </Link>,
  <span key="c">{className(asset.class)}</span>,
  <LifeChip key="s" state={asset.state} />,
  <CriticalityChip key="k" criticality={asset.criticality} />,
  <Team key="t" id={asset.teamId} />,
  <span key="l">{asset.location || <span className="muted">–</span>}</span>,
  <Ago key="o" time={asset.lastSeenTime} />,
];

export function AssetList() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/assets" });
  const { can } = useSession();
  const text = useRef<HTMLInputElement>(null);
  const { query, items, fresh, gone, show } = useLiveList<Asset>({
    kind: "assets",
    filter: filterOf(search),
    orderBy: "name",
    load: listAssets,
  });
  const set = useCallback(
    (part: Partial<AssetSearch>) => void navigate({ search: (known) => ({ ...known, ...part }), replace: true }),
    [navigate],
  );
  const open = (asset: Asset | undefined) => {
    if (asset !== undefined) void navigate({ to: "/assets/$id", params: { id: asset.id } });
  };
  const cursor = useCursor({ items, peeked: undefined, onPeek: open, onOpen: open, onShow: () => void show() });
  useCommands([
    { id: "list.filter", label: t("list.filter"), keys: ["f", "/"], group: t("keys.list"), run: () => text.current?.focus() },
  ]);
  const classes = useQuery({
    queryKey: ["assetClasses"],
    enabled: can("assetClasses.list"),
    queryFn: async () => (await body(api.GET("/api/v1/assetClasses"))).assetClasses,
  });
  const fetchMore = query.fetchNextPage;
  const onMore = useCallback(() => void fetchMore(), [fetchMore]);
  return (
    <>
      <div className="page-head">
        <h1>{t("nav.assets")}</h1>
      </div>
      <div className="filters">
        <TextFilter
          ref={text}
          label={t("asset.filter")}
          value={search.text ?? ""}
          onChange={(value) => set({ text: value || undefined })}
        />
        <label className="line muted">
          <span className="visually-hidden">{t("asset.class")}</span>
          <select
            className="toggle"
            value={search.class ?? ""}
            onChange={({ currentTarget }) => set({ class: currentTarget.value || undefined })}
          >
            <option value="">{t("asset.everyClass")}</option>
            {classes.data?.map(({ id, name }) => (
              <option key={id} value={name}>
                {className(name)}
              </option>
            ))}
          </select>
        </label>
      </div>
      {query.isError && (
        <div className="page-scroll">
          <Problem error={query.error} retry={() => void query.refetch()} />
        </div>
      )}
      {query.isPending && <Loading />}
      {query.isSuccess && (
        <div className="split">
          {items.length === 0 && fresh.size === 0 ? (
            <Empty icon="asset" title={t("asset.none")}>
              {t("asset.noneText")}
            </Empty>
          ) : (
            <RowList
              label={t("nav.assets")}
              items={items}
              head={HEAD}
              columns={COLUMNS}
              cells={cells}
              active={cursor.active}
              onActive={(index) => open(items[index])}
              onOpen={open}
              moved={gone}
              fresh={fresh.size}
              onNews={() => void show()}
              more={query.hasNextPage}
              onMore={onMore}
            />
          )}
        </div>
      )}
    </>
  );
}
