import { Button } from "@mantine/core";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { ask } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { perform, useTaken } from "@/records/data";
import { FieldsForm } from "@/records/FieldsForm";
import { Dialog } from "@/ui/Dialog";
import { toast } from "@/ui/toasts";
import { Diff } from "./Diff";
import { inReview } from "./kind";

type Article = Schemas["Article"];

const whole = ({ title, summary, body }: { title: string; summary: string; body: string }) =>
  [`# ${title}`, summary, body].filter(Boolean).join("\n\n");

/** What readers would see that they do not see now, and the decision about it. */
export function Review({ article }: { article: Article }) {
  const { can } = useSession();
  const taken = useTaken("articles");
  const [asked, setAsked] = useState(false);
  const seen = article.state === "PUBLISHED" ? whole(article) : "";
  const next = article.draft ? whole(article.draft) : article.state === "PUBLISHED" ? seen : whole(article);
  return (
    <div className="stack">
      <div className="line wrap">
        <p className="muted">{t(article.state === "PUBLISHED" ? "article.against" : "article.first")}</p>
        {inReview(article) && can("articles.publish") && (
          <Button className="end" onClick={() => setAsked(true)}>
            {t("article.verb.publish")}
          </Button>
        )}
      </div>
      <Diff before={seen} after={next} />
      <Dialog opened={asked} onClose={() => setAsked(false)} title={t("article.verb.publish")}>
        <FieldsForm
          fields={[
            { name: "changeNote", label: t("article.changeNote"), kind: "area" },
            { name: "expireTime", label: t("article.expireTime"), kind: "time", initial: article.expireTime },
            { name: "reviewTime", label: t("article.reviewTime"), kind: "time", initial: article.reviewTime },
          ]}
          action={t("article.verb.publish")}
          cancel={() => setAsked(false)}
          submit={async ({ changeNote, ...times }) => {
            const said = Object.fromEntries(Object.entries(times).filter(([, time]) => time));
            let present = article;
            if (Object.keys(said).length > 0) {
              const query = { updateMask: Object.keys(said).join(",") };
              present = await ask<Article>("PATCH", `articles/${article.id}`, { etag: article.etag, query, body: said });
            }
            taken(await perform("articles", "publish", present, { changeNote: changeNote ?? "" }));
            toast(t("article.shown"));
            setAsked(false);
          }}
        />
      </Dialog>
    </div>
  );
}
