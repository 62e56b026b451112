import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, body } from "@/api/client";
import { locale, t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { Markdown } from "@/ui/Markdown";
import { at } from "@/ui/time";
import { Button, described, Failure, Field, Waiting } from "./parts";
import { address, Go, usePlace } from "./way";

/** An answer, and whether it was one. */
export function Article({ id }: { id: string }) {
  const { query } = usePlace();
  const asked = query.get("q") ?? "";
  const article = useQuery({
    queryKey: ["articles", "one", id],
    queryFn: () => body(api.GET("/api/v1/articles/{id}", { params: { path: { id }, query: { language: locale() } } })),
  });
  if (article.isError) {
    return (
      <main className="page narrow">
        <h1>{t("notFound.title")}</h1>
        <Failure error={article.error} retry={() => void article.refetch()} />
      </main>
    );
  }
  if (!article.data) {
    return (
      <main className="page narrow">
        <Waiting />
      </main>
    );
  }
  const { number, title, summary, body: text, language, publishTime } = article.data;
  return (
    <main className="page narrow">
      <Go to={address("/", { q: asked })} className="crumb">
        <Icon name="back" />
        {t(asked ? "portal.article.back" : "portal.nav.home")}
      </Go>
      <article className="panel" lang={language} dir="auto">
        <h1>{title}</h1>
        {summary && <p className="summary">{summary}</p>}
        <Markdown text={text} />
        <p className="muted small">
          {number}
          {publishTime && ` · ${t("portal.article.from", { time: at(publishTime) })}`}
        </p>
      </article>
      <Opinion number={number} asked={asked} />
    </main>
  );
}

function Opinion({ number, asked }: { number: string; asked: string }) {
  const [helpful, setHelpful] = useState<boolean | null>(null);
  const [reason, setReason] = useState("");
  const rate = useMutation({
    mutationFn: (said: { helpful: boolean; comment: string }) =>
      body(api.POST("/api/v1/articles/{id}:rate", { params: { path: { id: number } }, body: said })),
  });
  const say = (said: boolean) => {
    setHelpful(said);
    rate.mutate({ helpful: said, comment: "" });
  };
  const told = rate.isSuccess && rate.data.comment !== "";
  return (
    <section className="opinion" aria-label={t("portal.article.helped")}>
      {helpful === null && (
        <>
          <h2>{t("portal.article.helped")}</h2>
          <div className="line wrap">
            <Button tone="quiet" icon="check" onClick={() => say(true)}>
              {t("portal.article.yes")}
            </Button>
            <Button tone="quiet" icon="close" onClick={() => say(false)}>
              {t("portal.article.no")}
            </Button>
          </div>
        </>
      )}
      {rate.isError && (
        <Failure error={rate.error} retry={() => helpful !== null && rate.mutate({ helpful, comment: reason })} />
      )}
      {helpful === true && <p role="status">{t("portal.article.thanks")}</p>}
      {helpful === false && (
        <div className="stack">
          <h2>{t("portal.article.sorry")}</h2>
          <div>
            <Go to={address("/report", { q: asked, article: number })} className="push">
              {t("portal.article.report")}
            </Go>
          </div>
          {told ? (
            <p role="status">{t("portal.article.told")}</p>
          ) : (
            <form
              className="form"
              onSubmit={(event) => {
                event.preventDefault();
                if (reason.trim()) rate.mutate({ helpful: false, comment: reason.trim() });
              }}
            >
              <Field id="reason" label={t("portal.article.missing")} optional>
                <textarea
                  {...described("reason", {})}
                  rows={2}
                  maxLength={4096}
                  value={reason}
                  onChange={({ currentTarget }) => setReason(currentTarget.value)}
                />
              </Field>
              <Button type="submit" tone="quiet" busy={rate.isPending} disabled={reason.trim() === ""}>
                {t("portal.article.tell")}
              </Button>
            </form>
          )}
        </div>
      )}
    </section>
  );
}
