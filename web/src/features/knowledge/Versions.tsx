import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { Ago, Empty, Loading, Problem } from "@/ui/bits";
import { Person } from "@/ui/people";
import { Diff } from "./Diff";

type Article = Schemas["Article"];

/** Every version that was published, each held against the one before. */
export function Versions({ article }: { article: Article }) {
  const [opened, setOpened] = useState(0);
  const query = useQuery({
    queryKey: ["articles", "history", article.id, "versions"],
    queryFn: async () => {
      const params = { path: { id: article.id }, query: { pageSize: 100 } };
      return (await body(api.GET("/api/v1/articles/{id}/versions", { params }))).versions;
    },
  });
  if (query.isPending) return <Loading />;
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (query.data.length === 0) {
    return (
      <Empty icon="knowledge" title={t("article.noVersions")}>
        {t("article.noVersionsText")}
      </Empty>
    );
  }
  return (
    <ol className="card audit" aria-label={t("article.versions")}>
      {query.data.map((version, index) => {
        const before = query.data[index + 1];
        const shown = opened === version.edition;
        return (
          <li key={version.edition}>
            <button
              type="button"
              className="plain audit-line"
              aria-expanded={shown}
              onClick={() => setOpened(shown ? 0 : version.edition)}
            >
              <span className="strong">{t("article.versionOf", { edition: version.edition })}</span>
              <Person id={version.publisherId} />
              <Ago time={version.publishTime} />
              <span className="muted clip">{version.changeNote || version.title}</span>
            </button>
            {shown && (
              <div className="audit-detail">
                <Diff
                  before={before ? `# ${before.title}\n${before.body}` : ""}
                  after={`# ${version.title}\n${version.body}`}
                />
              </div>
            )}
          </li>
        );
      })}
    </ol>
  );
}
