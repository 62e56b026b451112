import { useQuery } from "@tanstack/react-query";
import { api, body, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { Ago, Chip, Empty, Loading, Problem } from "@/ui/bits";
import { Person } from "@/ui/people";

type Article = Schemas["Article"];

/** What readers say of it. */
export function Opinions({ article }: { article: Article }) {
  const query = useQuery({
    queryKey: ["articles", "history", article.id, "ratings"],
    queryFn: async () => {
      const params = { path: { id: article.id }, query: { pageSize: 100 } };
      return (await body(api.GET("/api/v1/articles/{id}/ratings", { params }))).articleRatings;
    },
  });
  if (query.isPending) return <Loading />;
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (query.data.length === 0) {
    return (
      <Empty icon="person" title={t("article.noOpinions")}>
        {t("article.noOpinionsText")}
      </Empty>
    );
  }
  return (
    <ul className="card audit" aria-label={t("article.opinions")}>
      {query.data.map((rating) => (
        <li key={rating.id} className="opinion">
          <div className="line wrap">
            <Chip tone={rating.helpful ? "good" : "bad"} icon={rating.helpful ? "check" : "close"}>
              {t(rating.helpful ? "article.didSo" : "article.didNot")}
            </Chip>
            <Person id={rating.authorId} />
            <span className="muted">{t("article.versionOf", { edition: rating.edition })}</span>
            <Ago time={rating.updateTime} />
          </div>
          {rating.comment && <p className="prose">{rating.comment}</p>}
        </li>
      ))}
    </ul>
  );
}
