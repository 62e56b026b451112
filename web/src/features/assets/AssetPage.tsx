import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { type Asset, api, body, quoted } from "@/api/client";
import { useCommands } from "@/app/keys";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { className } from "@/ui/assets";
import { Ago, Chip, Loading, Problem } from "@/ui/bits";
import { Person } from "@/ui/people";
import { Team } from "@/ui/teams";
import { Attributes } from "./Attributes";
import { CriticalityChip, LifeChip } from "./chips";
import { Impact } from "./Impact";
import { Inventory } from "./Inventory";

const Graph = lazy(() => import("./Graph").then(({ Graph }) => ({ default: Graph })));
const route = getRouteApi("/assets/$id");
const TABS = ["overview", "graph", "impact", "inventory"] as const;

export function AssetPage() {
  const { id } = route.useParams();
  const query = useQuery({
    queryKey: ["assets", "one", id],
    queryFn: () => body(api.GET("/api/v1/assets/{id}", { params: { path: { id } } })),
  });
  if (query.isPending) return <Loading />;
  if (query.isError) {
    return (
      <div className="page-scroll">
        <div className="page-head">
          <h1>{t("asset.unknown")}</h1>
        </div>
        <Problem error={query.error} retry={() => void query.refetch()} />
      </div>
    );
  }
  return <Page asset={query.data} />;
}

function Page({ asset }: { asset: Asset }) {
  const { tab = "overview", depth = 2 } = route.useSearch();
  const { can } = useSession();
  const navigate = useNavigate({ from: "/assets/$id" });
  const tabs = TABS.filter((each) => each === "overview" || each === "inventory" || can(`assets.${each}`));
  const choose = (next: string) =>
    void navigate({ search: (known) => ({ ...known, tab: next === "overview" ? undefined : next }), replace: true });
  useCommands([
    ...tabs.map((each, index) => ({
      id: `asset.${each}`,
      label: t(`asset.tab.${each}`),
      keys: [String(index + 1)],
      group: t("nav.assets"),
      run: () => choose(each),
    })),
    {
      id: "asset.back",
      label: t("asset.back"),
      keys: ["Escape"],
      group: t("nav.assets"),
      palette: false,
      run: () => void navigate({ to: "/assets" }),
    },
  ]);
  return (
    <>
      <div className="page-head">
        <div className="stack" style={{ gap: "0.25rem" }}>
          <div className="line">
            <Link to="/assets" className="crumb">
              {t("nav.assets")}
            </Link>
            <span className="muted">/</span>
            <span className="strong">{className(asset.class)}</span>
            <LifeChip state={asset.state} />
            <CriticalityChip criticality={asset.criticality} />
          </div>
          <h1>{asset.name}</h1>
        </div>
      </div>
      <div className="filters">
        <div className="tabs" role="tablist" aria-label={t("asset.tabs")}>
          {tabs.map((each) => (
            <button
              key={each}
              type="button"
              role="tab"
              id={`tab-${each}`}
              aria-selected={tab === each}
              aria-controls="tab-panel"
              onClick={() => choose(each)}
            >
              {t(`asset.tab.${each}`)}
            </button>
          ))}
        </div>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and may hold nothing else that the keyboard reaches */}
      <div className="page-scroll" role="tabpanel" id="tab-panel" tabIndex={0} aria-labelledby={`tab-${tab}`}>
        {tab === "overview" && (
          <div className="record">
            <Attributes asset={asset} />
            <Side asset={asset} />
          </div>
        )}
        {tab === "graph" && (
          <Suspense fallback={<Loading rows={5} />}>
            <Graph
              id={asset.id}
              depth={depth}
              onDepth={(next) => void navigate({ search: (known) => ({ ...known, depth: next }), replace: true })}
            />
          </Suspense>
        )}
        {tab === "impact" && <Impact id={asset.id} />}
        {tab === "inventory" && <Inventory id={asset.id} reported={asset.agentId !== ""} />}
      </div>
    </>
  );
}

function Side({ asset }: { asset: Asset }) {
  const { can } = useSession();
  const incidents = useQuery({
    queryKey: ["counts", "incidents", "of", asset.id],
    enabled: can("incidents.list"),
    queryFn: async () => {
      const filter = `assetIds:${quoted(asset.id)} AND state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)`;
      return (await body(api.GET("/api/v1/incidents", { params: { query: { filter, pageSize: 10 } } }))).incidents;
    },
  });
  return (
    <div className="stack">
      <section className="card">
        <header>
          <h2>{t("asset.about")}</h2>
        </header>
        <div className="body">
          <dl className="facts">
            <dt>{t("record.team")}</dt>
            <dd>
              <Team id={asset.teamId} />
            </dd>
            <dt>{t("asset.owner")}</dt>
            <dd>
              <Person id={asset.ownerId} />
            </dd>
            <dt>{t("asset.location")}</dt>
            <dd>{asset.location || "–"}</dd>
            {asset.cost && (
              <>
                <dt>{t("asset.cost")}</dt>
                <dd>
                  {asset.cost.amount} {asset.cost.currency}
                </dd>
              </>
            )}
            <dt>{t("asset.seen")}</dt>
            <dd>
              <Ago time={asset.lastSeenTime} />
            </dd>
            <dt>{t("record.changed")}</dt>
            <dd>
              <Ago time={asset.updateTime} />
            </dd>
          </dl>
        </div>
      </section>
      <section className="card">
        <header>
          <h2>{t("asset.identifiers")}</h2>
        </header>
        <div className="body">
          <dl className="facts">
            {asset.identifiers.map(({ kind, value }) => (
              <div key={`${kind}${value}`} style={{ display: "contents" }}>
                <dt>{t(`identifier.${kind}`)}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </div>
      </section>
      {incidents.data !== undefined && incidents.data.length > 0 && (
        <section className="card">
          <header>
            <h2>{t("asset.incidents")}</h2>
            <Chip tone="hot">{incidents.data.length}</Chip>
          </header>
          <ul className="body stack">
            {incidents.data.map(({ id, number, title }) => (
              <li key={id}>
                <Link to="/incidents/$id" params={{ id: number }}>
                  {number}
                </Link>{" "}
                {title}
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
