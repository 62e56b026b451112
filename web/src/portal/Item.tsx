import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api, body } from "@/api/client";
import { t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { type Answers, defaults, drawn, restricted, type Schema, worded } from "./asking";
import { type Item as Offered, priced, useItem, useRequest } from "./data";
import { useKept } from "./kept";
import { Button, Failure, Waiting } from "./parts";
import { Question } from "./Question";
import { address, Go, go, usePlace } from "./way";

const SETTLED_MS = 200;

/** Something that can be ordered: what it is, what it costs, what is asked, what happens then. */
export function Item({ id }: { id: string }) {
  const { query } = usePlace();
  const item = useItem(id);
  const again = query.get("again") ?? "";
  return (
    <main className="page narrow">
      <Go to={address("/services")} className="crumb">
        <Icon name="back" />
        {t("portal.nav.services")}
      </Go>
      {item.isError && (
        <>
          <h1>{t("notFound.title")}</h1>
          <Failure error={item.error} retry={() => void item.refetch()} />
        </>
      )}
      {item.isPending && <Waiting />}
      {item.data && (
        <>
          <header className="record-head">
            <h1>{item.data.title}</h1>
            <p className="line wrap">
              {item.data.price && <strong className="price">{priced(item.data.price)}</strong>}
              {item.data.category && <span className="chip">{item.data.category}</span>}
              {item.data.approvalPolicyId && (
                <span className="chip" data-tone="warn">
                  {t("portal.item.approval")}
                </span>
              )}
            </p>
            {item.data.description && <p className="prose">{item.data.description}</p>}
          </header>
          {again ? <Again item={item.data} request={again} /> : <First item={item.data} />}
        </>
      )}
    </main>
  );
}

const NONE: { answers: Answers } = { answers: {} };

function First({ item }: { item: Offered }) {
  const client = useQueryClient();
  const draft = useKept(`order/${item.id}`, NONE);
  const opened = useRef(crypto.randomUUID()); // what is ordered without an answer has no draft
  const send = async (answers: Answers) => {
    const request = await body(
      api.POST("/api/v1/requests", {
        headers: { "idempotency-key": draft.key || opened.current },
        body: { catalogItemId: item.id, answers },
      }),
    );
    draft.clear();
    void client.invalidateQueries({ queryKey: ["requests"] });
    go(address(`/requests/${request.number}`, { new: "1" }), { replace: true });
  };
  return (
    <Form
      item={item}
      answers={draft.value.answers}
      onAnswers={(answers) => draft.set({ answers })}
      send={send}
      label={t("portal.item.order")}
      kept={draft.kept === "none" ? "" : t(`portal.draft.${draft.kept}`)}
    />
  );
}

/** A request that was refused, with other answers. */
function Again({ item, request: number }: { item: Offered; request: string }) {
  const client = useQueryClient();
  const request = useRequest(number);
  const [changed, setChanged] = useState<Answers | null>(null);
  const send = async (answers: Answers) => {
    const path = { id: number };
    if (request.data?.state !== "NEW") await api.POST("/api/v1/requests/{id}:revise", { params: { path }, body: { answers } });
    await api.POST("/api/v1/requests/{id}:submit", { params: { path }, body: { etag: "" } });
    await client.invalidateQueries({ queryKey: ["requests"] });
    go(address(`/requests/${number}`), { replace: true });
  };
  if (request.isError) return <Failure error={request.error} />;
  if (!request.data) return <Waiting />;
  return (
    <Form
      item={item}
      answers={changed ?? request.data.answers ?? {}}
      onAnswers={setChanged}
      send={send}
      label={t("portal.item.again")}
      kept=""
    />
  );
}

interface FormProps {
  item: Offered;
  answers: Answers;
  onAnswers: (answers: Answers) => void;
  send: (answers: Answers) => Promise<void>;
  label: string;
  kept: string;
}

function Form({ item, answers: said, onAnswers, send, label, kept }: FormProps) {
  const form = (item.form ?? {}) as Schema;
  const schemas = drawn(form);
  const [names, setNames] = useState<readonly string[] | undefined>(undefined);
  const [unanswered, setUnanswered] = useState<Answers>({});
  const answers = { ...defaults(form), ...unanswered, ...said };
  const wanted = JSON.stringify(restricted(answers, names));
  const [asked, setAsked] = useState(wanted);
  useEffect(() => {
    if (wanted === asked) return;
    const timer = setTimeout(() => setAsked(wanted), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [wanted, asked]);
  const read = useQuery({
    queryKey: ["catalogItems", "evaluate", item.id, item.etag, asked],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      body(
        api.POST("/api/v1/catalogItems/{id}:evaluate", {
          params: { path: { id: item.id } },
          body: { answers: JSON.parse(asked) as Answers },
          signal,
        }),
      ),
  });
  const found = read.data;
  useEffect(() => {
    if (!found) return;
    const next = found.fields.map(({ name }) => name);
    setNames((now) => (now?.join() === next.join() ? now : next));
    // A box that must be answered and is not ticked says no.
    const no = found.fields.filter(({ name, required }) => required && drawn(form).get(name)?.type === "boolean");
    const boxes = Object.fromEntries(no.map(({ name }) => [name, false]));
    setUnanswered((now) => (Object.keys(now).join() === Object.keys(boxes).join() ? now : boxes));
  }, [found, form]);

  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const settled = wanted === asked && !read.isFetching;
  const wrongAt = (name: string) => {
    if (!settled || !(tried || touched.has(name))) return "";
    const violation = found?.violations.find(({ pointer }) => pointer === `/${name}` || pointer.startsWith(`/${name}/`));
    if (violation === undefined) return "";
    return violation.message === "is asked for" ? (tried ? t("portal.form.required") : "") : violation.message;
  };
  const order = async () => {
    setTried(true);
    if (!settled || found === undefined) return;
    const first = found.violations[0]?.pointer.split("/")[1];
    if (found.violations.length > 0) {
      document.querySelector<HTMLElement>(`[id="q-${first}"], [name="q-${first}"]`)?.focus();
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await send(JSON.parse(asked) as Answers);
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  if (read.isError && !found) return <Failure error={read.error} retry={() => void read.refetch()} />;
  if (!found) return <Waiting rows={2} />;
  if (!found.orderable) return <p className="notice">{t("portal.item.others")}</p>;
  return (
    <form
      className="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void order();
      }}
    >
      {found.fields.map(({ name, title, required }) => {
        const schema = schemas.get(name) ?? {};
        return (
          <Question
            key={name}
            name={name}
            label={title || worded(name)}
            schema={schema}
            required={required}
            wrong={wrongAt(name)}
            value={answers[name]}
            onChange={(value) => {
              const { [name]: _, ...others } = answers;
              setTouched(new Set([...touched, name]));
              onAnswers(value === undefined ? others : { ...others, [name]: value });
            }}
          />
        );
      })}
      {found.steps.length > 0 && (
        <details className="panel">
          <summary>{t("portal.item.steps", { count: found.steps.length })}</summary>
          <ol className="plain-steps">
            {item.approvalPolicyId && <li>{t("portal.item.approvalStep")}</li>}
            {found.steps.map((step, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: steps keep their places
              <li key={index}>{step}</li>
            ))}
          </ol>
        </details>
      )}
      {error !== null && <Failure error={error} />}
      <div className="send">
        <Button type="submit" busy={busy}>
          {found.price ? `${label} · ${priced(found.price)}` : label}
        </Button>
        <p className="muted" role="status">
          {kept}
        </p>
      </div>
    </form>
  );
}
