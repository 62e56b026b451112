import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, ask, body, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { FieldsForm } from "@/records/FieldsForm";
import { addressOf } from "@/records/RecordLink";
import { Chip, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { LANGUAGES } from "./kind";

type Article = Schemas["Article"];

/** The article in all its languages. */
export function Translations({ article }: { article: Article }) {
  const { can } = useSession();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [asked, setAsked] = useState(false);
  const query = useQuery({
    queryKey: ["articles", "history", article.id, "translations"],
    queryFn: async () =>
      (await body(api.GET("/api/v1/articles/{id}/translations", { params: { path: { id: article.id } } }))).articles,
  });
  if (query.isPending) return <Loading />;
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  const there = new Set([article.language, ...query.data.map(({ language }) => language)]);
  const left = LANGUAGES.filter((each) => !there.has(each));
  return (
    <div className="stack">
      <ul className="card audit" aria-label={t("article.translations")}>
        {query.data.map((each) => (
          <li key={each.id} className="opinion line wrap">
            <Chip tone="still">{each.language}</Chip>
            <Link {...addressOf("articles", each.number)} dir="auto" lang={each.language}>
              {each.title}
            </Link>
            <span className="muted">{t(`article.state.${each.state}`)}</span>
          </li>
        ))}
      </ul>
      {can("articles.create") && left.length > 0 && (
        <div>
          <Button variant="default" onClick={() => setAsked(true)}>
            {t("article.translate")}
          </Button>
        </div>
      )}
      <Dialog opened={asked} onClose={() => setAsked(false)} title={t("article.translate")}>
        <FieldsForm
          fields={[
            {
              name: "language",
              label: t("article.language"),
              kind: "choice",
              required: true,
              initial: left[0],
              options: left.map((value) => ({ value, label: value })),
            },
            { name: "title", label: t("record.title"), kind: "text", required: true, initial: article.title },
          ]}
          action={t("record.create")}
          cancel={() => setAsked(false)}
          submit={async (values) => {
            const { summary, body: text, visibility, teamIds, category, keywords } = article;
            const originalId = article.originalId || article.id;
            const made = await ask<Article>("POST", "articles", {
              body: { summary, body: text, visibility, teamIds, category, keywords, ...values, originalId },
            });
            await client.invalidateQueries({ queryKey: ["articles"] });
            await navigate({ ...addressOf("articles", made.number), search: { tab: "write" } });
          }}
        />
      </Dialog>
    </div>
  );
}
