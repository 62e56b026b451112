import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { FieldsForm } from "@/records/FieldsForm";
import { Markdown } from "@/ui/Markdown";
import { toast, toastProblem } from "@/ui/toasts";

type Article = Schemas["Article"];

/** An article as its readers see it, and whether it helped. */
export function Reader({ article }: { article: Article }) {
  const { can } = useSession();
  const client = useQueryClient();
  const [missing, setMissing] = useState(false);
  const rate = async (helpful: boolean, comment = "") => {
    await ask("POST", `articles/${article.id}:rate`, { body: { helpful, comment } });
    toast(t("article.thanks"));
    setMissing(!helpful && comment === "");
    await client.invalidateQueries({ queryKey: ["articles"] });
  };
  return (
    <>
      <article className="card" lang={article.language} dir="auto">
        <div className="reading">
          {article.summary && (
            <p className="strong" dir="auto">
              {article.summary}
            </p>
          )}
          {article.body === "" ? <p className="muted">{t("article.empty")}</p> : <Markdown text={article.body} />}
        </div>
      </article>
      {article.state === "PUBLISHED" && can("articles.rate") && (
        <section className="card" aria-label={t("article.didHelp")}>
          <header>
            <h2>{t("article.didHelp")}</h2>
            <span className="line end">
              <Button size="compact-sm" variant="default" onClick={() => void rate(true).catch(toastProblem)}>
                {t("article.yes")}
              </Button>
              <Button size="compact-sm" variant="default" onClick={() => void rate(false).catch(toastProblem)}>
                {t("article.no")}
              </Button>
            </span>
          </header>
          {missing && (
            <div className="body">
              <FieldsForm
                fields={[{ name: "comment", label: t("article.missing"), kind: "area", required: true }]}
                action={t("article.tell")}
                cancel={() => setMissing(false)}
                submit={async ({ comment }) => {
                  await rate(false, String(comment));
                }}
              />
            </div>
          )}
        </section>
      )}
    </>
  );
}
