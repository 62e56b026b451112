import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ask } from "@/api/client";
import { t } from "@/i18n";
import { type Page, usePage, useWaits } from "./data";
import { Marks, useAcknowledge } from "./PageCard";
import { Button, Name, PersonChoice, Problem, Waiting } from "./parts";
import { sayProblem } from "./said";
import { moment } from "./time";

const PRESETS = ["looking", "known", "fixing", "vendor", "alarm"] as const;

/** One page whole: what it is, taking note, saying something, asking for help, who was called. */
export function One({ id, back }: { id: string; back: () => void }) {
  const { data: page, error, refetch } = usePage(id);
  return (
    <main className="one">
      <Button icon="back" onClick={back}>
        {t("oncall.back")}
      </Button>
      {page ? <Whole page={page} /> : error ? <Problem error={error} retry={() => void refetch()} /> : <Waiting />}
    </main>
  );
}

function useVerb(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ verb, body }: { verb: string; body: object }) => ask<Page>("POST", `pages/${id}:${verb}`, { body }),
    onSuccess: (page) => {
      client.setQueryData(["oncall", "page", id], page);
      void client.invalidateQueries({ queryKey: ["oncall", "pages"] });
    },
    onError: sayProblem,
  });
}

function Whole({ page }: { page: Page }) {
  const take = useAcknowledge();
  const verb = useVerb(page.id);
  const queued = useWaits().includes(page.id);
  const can = (page.state === "OPEN" || page.state === "EXPIRED") && !queued;
  return (
    <>
      <section className="card">
        <Marks page={page} />
        <h1>{page.title}</h1>
        {page.acknowledgedBy && (
          <p>
            {t("oncall.takenBy")} <Name id={page.acknowledgedBy} />
          </p>
        )}
        {can && (
          <Button tone="main" icon="check" onClick={() => void take(page.id)}>
            {t("oncall.acknowledge")}
          </Button>
        )}
        {page.alertId && (
          <p>
            <a href={`/alerts/${page.alertId}`}>{t("oncall.alert")}</a>
          </p>
        )}
      </section>
      <section className="card" aria-labelledby="say">
        <h2 id="say">{t("oncall.note")}</h2>
        <div className="presets">
          {PRESETS.map((each) => (
            <Button
              key={each}
              disabled={verb.isPending}
              onClick={() => verb.mutate({ verb: "note", body: { text: t(`oncall.preset.${each}`) } })}
            >
              {t(`oncall.preset.${each}`)}
            </Button>
          ))}
        </div>
        <ul className="said">
          {page.remarks.map((each) => (
            <li key={`${each.time} ${each.text}`}>
              <p>{each.text}</p>
              <p className="muted">
                <Name id={each.authorId} /> · {moment(each.time)}
              </p>
            </li>
          ))}
        </ul>
      </section>
      {page.state !== "RESOLVED" && <Help busy={verb.isPending} ask={(body) => verb.mutate({ verb: "help", body })} />}
      <section className="card" aria-labelledby="called">
        <h2 id="called">{t("oncall.called")}</h2>
        <ul className="said">
          {page.calls.map((each) => (
            <li key={`${each.time} ${each.userId}`}>
              <Name id={each.userId} />{" "}
              <span className="muted">
                {moment(each.time)}
                {each.via === "help" && ` · ${t("oncall.forHelp")}`}
              </span>
            </li>
          ))}
        </ul>
        {page.calls.length === 0 && <p className="muted">{t("oncall.calledNobody")}</p>}
      </section>
    </>
  );
}

function Help({ busy, ask: help }: { busy: boolean; ask: (body: { userId: string; text: string }) => void }) {
  const [who, setWho] = useState("");
  const send = (event: FormEvent) => {
    event.preventDefault();
    help({ userId: who, text: "" });
    setWho("");
  };
  return (
    <section className="card" aria-labelledby="help">
      <h2 id="help">{t("oncall.help")}</h2>
      <form className="fields" onSubmit={send}>
        <label htmlFor="helper">{t("oncall.helpWho")}</label>
        <PersonChoice id="helper" value={who} choose={setWho} />
        <Button type="submit" tone="bad" icon="person" disabled={!who || busy}>
          {t("oncall.helpAsk")}
        </Button>
      </form>
    </section>
  );
}
