import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, body, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { className, useAssetName } from "@/ui/assets";
import { Chip, Empty, Loading, Problem, Towards } from "@/ui/bits";
import { Views } from "@/ui/filters";
import { CriticalityChip } from "./chips";

type Hit = Schemas["ImpactHit"];

/** What an asset takes down when it fails, or what can take it down, each with the chain that proves it. */
export function Impact({ id }: { id: string }) {
  const [direction, setDirection] = useState<"DOWN" | "UP">("DOWN");
  const query = useInfiniteQuery({
    queryKey: ["relations", "impact", id, direction],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/v1/assets/{id}:impact", {
          params: { path: { id }, query: { direction, pageSize: 100, ...(pageParam ? { pageToken: pageParam } : {}) } },
        }),
      ),
    getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
  });
  const first = query.data?.pages[0];
  const hits = query.data?.pages.flatMap((page) => page.hits).filter(({ root }) => !root) ?? [];
  return (
    <section className="card">
      <header>
        <Views
          label={t("impact.direction")}
          views={[
            { value: "DOWN", label: t("impact.down") },
            { value: "UP", label: t("impact.up") },
          ]}
          value={direction}
          onChange={(value) => setDirection(value as "DOWN" | "UP")}
        />
        {first && direction === "DOWN" && (
          <span className="line end">
            <Chip tone="bad" icon="late">
              {t("impact.failed", { count: Math.max(0, first.failedCount - 1) })}
            </Chip>
            <Chip tone="warn" icon="shield">
              {t("impact.atRisk", { count: first.atRiskCount })}
            </Chip>
          </span>
        )}
      </header>
      <div className="body stack">
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.isPending && <Loading rows={4} />}
        {query.isSuccess && hits.length === 0 && (
          <Empty icon="shield" title={t("impact.none")}>
            {t(direction === "DOWN" ? "impact.noneDown" : "impact.noneUp")}
          </Empty>
        )}
        {hits.length > 0 && (
          <table className="table">
            <caption className="visually-hidden">{t("impact.caption")}</caption>
            <thead>
              <tr>
                <th scope="col">{t("asset.name")}</th>
                <th scope="col">{t("asset.class")}</th>
                <th scope="col">{t("impact.state")}</th>
                <th scope="col">{t("asset.criticality")}</th>
                <th scope="col">{t("impact.path")}</th>
              </tr>
            </thead>
            <tbody>
              {hits.map((hit) => (
                <tr key={hit.assetId || hit.path.join()}>
                  <th scope="row">
                    {hit.restricted ? (
                      t("graph.restricted")
                    ) : (
                      <Link to="/assets/$id" params={{ id: hit.assetId }}>
                        {hit.name}
                      </Link>
                    )}
                  </th>
                  <td>{className(hit.class)}</td>
                  <td className="nowrap">
                    <State hit={hit} />
                  </td>
                  <td>
                    <CriticalityChip criticality={hit.criticality ?? "CRITICALITY_UNSPECIFIED"} />
                  </td>
                  <td>
                    <Path hit={hit} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {first?.cut && <p className="muted">{t("impact.cut")}</p>}
        {query.hasNextPage && (
          <div>
            <Button size="xs" variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t("impact.more")}
            </Button>
          </div>
        )}
      </div>
    </section>
  );
}

function State({ hit }: { hit: Hit }) {
  if (hit.state === "FAILED") {
    return (
      <Chip tone="bad" icon="late">
        {t("impact.isFailed")}
      </Chip>
    );
  }
  return (
    <Chip tone="warn" icon="shield">
      {hit.margin === undefined ? t("impact.isAtRisk") : t("impact.margin", { count: hit.margin })}
    </Chip>
  );
}

function Path({ hit }: { hit: Hit }) {
  const middle = Math.floor(hit.path.length / 2);
  return (
    <span>
      {hit.path.map((id, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: what may not be seen has no id, only a place
        <span key={index}>
          {index > 0 && (
            <span className="muted">
              {" "}
              <Towards />{" "}
            </span>
          )}
          {hit.pathOmitted > 0 && index === middle && (
            <span className="muted">
              {t("impact.omitted", { count: hit.pathOmitted })} <Towards />{" "}
            </span>
          )}
          {id ? <Name id={id} /> : <span className="muted">{t("graph.restricted")}</span>}
        </span>
      ))}
    </span>
  );
}

const Name = ({ id }: { id: string }) => <>{useAssetName(id) || "…"}</>;
