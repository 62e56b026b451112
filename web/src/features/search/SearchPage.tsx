import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { api, body, type Schemas } from "@/api/client";
import { locale, t } from "@/i18n";
import { RecordLink } from "@/records/RecordLink";
import { Ago, Empty, Loading, Problem } from "@/ui/bits";
import { TextFilter, Toggles } from "@/ui/filters";

type Hit = Schemas["SearchHit"];
type Match = Hit["titleMatches"][number];

const route = getRouteApi("/search");
const KINDS = ["incidents", "requests", "problems", "changes", "releases", "articles", "assets"] as const;
const SHOWN = 50;

/** One question over everything that the person may read. */
export function SearchPage() {
  const { query = "", kinds = "" } = route.useSearch();
  const navigate = useNavigate({ from: "/search" });
  const asked = query.trim();
  const found = useQuery({
    queryKey: ["search", "page", asked, kinds],
    enabled: asked.length > 1,
    queryFn: () =>
      body(api.GET("/api/v1/search", { params: { query: { query: asked, kinds, pageSize: SHOWN, language: locale() } } })),
  });
  const set = (part: { query?: string; kinds?: string }) =>
    void navigate({ search: (known) => ({ ...known, ...part }), replace: true });
  return (
    <>
      <div className="page-head">
        <h1>{t("search.title")}</h1>
      </div>
      <div className="filters">
        <TextFilter wide label={t("search.hint")} value={query} onChange={(text) => set({ query: text || undefined })} />
        <Toggles
          label={t("search.kinds")}
          options={KINDS.map((value) => ({ value, label: t(`search.kind.${value}`) }))}
          value={kinds === "" ? [] : kinds.split(",")}
          onChange={(values) => set({ kinds: values.join(",") || undefined })}
        />
      </div>
      <div className="page-scroll stack">
        {found.isError && <Problem error={found.error} retry={() => void found.refetch()} />}
        {found.isLoading && <Loading />}
        {asked.length <= 1 && (
          <Empty icon="search" title={t("search.begin")}>
            {t("search.beginText")}
          </Empty>
        )}
        {found.data?.building && <p className="muted">{t("search.building")}</p>}
        {found.data?.hits.length === 0 && (
          <Empty icon="search" title={t("search.nothing")}>
            {t("search.nothingText")}
          </Empty>
        )}
        {found.data && found.data.hits.length > 0 && (
          <ol className="stack" aria-label={t("search.results")}>
            {found.data.hits.map((hit) => (
              <Found key={`${hit.kind}${hit.id}`} hit={hit} />
            ))}
          </ol>
        )}
      </div>
    </>
  );
}

function Found({ hit }: { hit: Hit }) {
  const [resources = hit.kind, id = hit.id] = hit.about ? hit.about.split("/") : [];
  return (
    <li className="card found">
      <div className="line wrap">
        <RecordLink resources={resources} id={hit.number || id}>
          {hit.number || t(`search.kind.${hit.kind as "incidents"}`, { defaultValue: hit.kind })}
        </RecordLink>
        <span className="strong">{marked(hit.title, hit.titleMatches)}</span>
        <span className="end">
          <Ago time={hit.updateTime} />
        </span>
      </div>
      {hit.excerpt && <p className="muted">{marked(hit.excerpt, hit.excerptMatches)}</p>}
    </li>
  );
}

/** A text whose found parts stand out; places are counted in characters. */
function marked(text: string, matches: readonly Match[]): ReactNode[] {
  const letters = [...text];
  const parts: ReactNode[] = [];
  let until = 0;
  for (const { start, length } of matches) {
    const end = start + length;
    if (start < until) continue;
    parts.push(letters.slice(until, start).join(""), <mark key={start}>{letters.slice(start, end).join("")}</mark>);
    until = end;
  }
  return [...parts, letters.slice(until).join("")];
}
