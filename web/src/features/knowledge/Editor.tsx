import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useRef, useState } from "react";
import { api, body, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { newer } from "@/live/apply";
import { useWrite } from "@/records/data";
import { Meanwhile } from "@/records/Meanwhile";
import { Conflict } from "@/records/meanwhile";
import { addressOf } from "@/records/RecordLink";
import { useDraft } from "@/ui/drafts";
import { Field, TextInput } from "@/ui/form";
import { Markdown } from "@/ui/Markdown";
import { toastProblem } from "@/ui/toasts";
import { useSettled } from "@/ui/useSettled";
import { Diff } from "./Diff";
import { ARTICLES, inReview } from "./kind";

type Article = Schemas["Article"];

/** What a button of the toolbar puts around what is chosen. */
const TOOLS = [
  { id: "heading", before: "## ", after: "", sign: "H" },
  { id: "bold", before: "**", after: "**", sign: "B" },
  { id: "list", before: "- ", after: "", sign: "•" },
  { id: "steps", before: "1. ", after: "", sign: "1." },
  { id: "link", before: "[", after: "](https://)", sign: "↗" },
  { id: "code", before: "`", after: "`", sign: "</>" },
  { id: "table", before: "| ", after: " | |\n| --- | --- |\n| | |", sign: "▦" },
] as const;
const SETTLED_MS = 500;
const LABELS = {
  title: "record.title",
  summary: "article.summary",
  body: "article.body",
  keywords: "article.keywords",
} as const;

interface Words {
  title: string;
  summary: string;
  body: string;
  keywords: string;
}

const read = (article: Article) => article.draft ?? article;
const wordsOf = (article: Article): Words => {
  const { title, summary, body, keywords } = read(article);
  return { title, summary, body, keywords: keywords.join(", ") };
};
const listed = (keywords: string) => keywords.split(",").flatMap((each) => each.trim() || []);

/** Writes an article, or the next version of a published one, and shows at once how it reads. */
export function Editor({ article }: { article: Article }) {
  const { can } = useSession();
  const write = useWrite(ARTICLES, read);
  const [written, setWritten] = useState(article);
  const present = newer(written, article) ? written : article;
  // What is written is kept together with the version that it goes on from; others may change that meanwhile.
  const draft = useDraft(`article/${article.id}`, { words: wordsOf(present), from: present });
  const place = useRef<HTMLTextAreaElement>(null);
  const [busy, setBusy] = useState(false);
  const [theirs, setTheirs] = useState<Partial<Words>>({});
  const { words: value, from } = draft.value;
  const differs = JSON.stringify(value) !== JSON.stringify(wordsOf(from));
  const set = (part: Partial<Words>) => draft.set({ words: { ...value, ...part }, from });
  if (!can("articles.update") || inReview(article) || article.state === "RETIRED") {
    return <p className="muted">{t(inReview(article) ? "article.looksAt" : "article.notYours")}</p>;
  }
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setTheirs({});
    try {
      const { keywords, ...rest } = mine(from, value);
      setWritten(await write(from, { ...rest, ...(keywords === undefined ? {} : { keywords: listed(keywords) }) }));
      draft.clear();
    } catch (error) {
      if (error instanceof Conflict) {
        const next = error.present as Article;
        const others = wordsOf(next);
        setTheirs(Object.fromEntries(Object.entries(others).filter(([name]) => name in error.theirs)));
        draft.set({ words: { ...others, ...mine(from, value) }, from: next });
      } else toastProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const apply = ({ before, after }: (typeof TOOLS)[number]) => {
    const area = place.current;
    if (area === null) return;
    const [start, end] = [area.selectionStart, area.selectionEnd];
    set({ body: value.body.slice(0, start) + before + value.body.slice(start, end) + after + value.body.slice(end) });
    area.focus();
  };
  return (
    <form className="stack" onSubmit={(event) => void save(event)}>
      <Meanwhile
        theirs={Object.entries(theirs).map(([name, text]) => ({
          name,
          label: t(LABELS[name as keyof Words]),
          shown: <Diff before={text} after={value[name as keyof Words]} />,
        }))}
        take={(name) => {
          set({ [name]: theirs[name as keyof Words] });
          setTheirs(({ [name as keyof Words]: _, ...rest }) => rest);
        }}
      />
      <Similar text={value.title} self={article.id} />
      <div className="pair card">
        <Field label={t("record.title")}>
          <TextInput required value={value.title} onChange={(title) => set({ title })} />
        </Field>
        <Field label={t("article.summary")}>
          <TextInput value={value.summary} onChange={(summary) => set({ summary })} />
        </Field>
        <Field label={t("article.keywords")} hint={t("article.keywordsHint")}>
          <TextInput value={value.keywords} onChange={(keywords) => set({ keywords })} />
        </Field>
      </div>
      <div className="writing">
        <section className="card">
          <div className="line wrap tools" role="toolbar" aria-label={t("article.toolbar")}>
            {TOOLS.map((tool) => (
              <button
                key={tool.id}
                type="button"
                className="sign framed"
                title={t(`article.tool.${tool.id}`)}
                aria-label={t(`article.tool.${tool.id}`)}
                onClick={() => apply(tool)}
              >
                {tool.sign}
              </button>
            ))}
          </div>
          <textarea
            ref={place}
            className="paper"
            aria-label={t("article.body")}
            dir="auto"
            lang={article.language}
            value={value.body}
            onChange={({ currentTarget }) => set({ body: currentTarget.value })}
          />
        </section>
        <section className="card" aria-label={t("article.preview")}>
          <div className="reading" lang={article.language} dir="auto">
            <Markdown text={value.body} />
          </div>
        </section>
      </div>
      <div className="line">
        <Button type="submit" loading={busy} disabled={!differs}>
          {t("record.save")}
        </Button>
        {differs && (
          <Button
            variant="default"
            onClick={() => {
              draft.clear();
              setTheirs({});
            }}
          >
            {t("article.forget")}
          </Button>
        )}
        <span className="muted">{differs && t("composer.kept")}</span>
      </div>
    </form>
  );
}

/** What was written here, of all words. */
const mine = (from: Article, value: Words): Partial<Words> => {
  const before = wordsOf(from);
  return Object.fromEntries(Object.entries(value).filter(([name, text]) => before[name as keyof Words] !== text));
};

/** What was written about the same already. */
function Similar({ text, self }: { text: string; self: string }) {
  const { can } = useSession();
  const asked = useSettled(text, SETTLED_MS);
  const { data } = useQuery({
    queryKey: ["search", "similar", asked],
    enabled: asked.trim().length > 3 && can("search.query"),
    queryFn: () =>
      body(api.GET("/api/v1/search", { params: { query: { query: asked.slice(0, 200), kinds: "articles", pageSize: 4 } } })),
  });
  const others = data?.hits.filter(({ id }) => id !== self).slice(0, 3) ?? [];
  if (others.length === 0) return null;
  return (
    <section className="card similar" role="status">
      <strong>{t("article.similar")}</strong>
      <ul>
        {others.map(({ id, number, title }) => (
          <li key={id}>
            <Link {...addressOf("articles", number || id)}>
              {number} {title}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
