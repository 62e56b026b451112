import { quoted, type Schemas } from "@/api/client";
import { t } from "@/i18n";
import { StateChip } from "@/records/chips";
import { category, number, reason, title } from "@/records/common";
import type { Kind, Verb } from "@/records/kind";
import { Links } from "@/records/Links";
import { Ago, Chip, type Tone } from "@/ui/bits";
import { Person } from "@/ui/people";
import { Teams } from "@/ui/teams";
import { at } from "@/ui/time";
import { Editor } from "./Editor";
import { Opinions } from "./Opinions";
import { Reader } from "./Reader";
import { Review } from "./Review";
import { Translations } from "./Translations";
import { Versions } from "./Versions";

export type Article = Schemas["Article"];

const TONES: Record<Article["state"], Tone> = {
  STATE_UNSPECIFIED: "still",
  DRAFT: "accent",
  IN_REVIEW: "warn",
  PUBLISHED: "good",
  RETIRED: "still",
};
const VISIBILITIES = ["PUBLIC", "INTERNAL", "TEAMS"] as const;
export const LANGUAGES = ["en", "de", "fr", "es", "pt-BR", "ru", "ar"] as const;
const HOUR_MS = 3_600_000;

const stateText = (state: string) => t(`article.state.${state as Article["state"]}`, { defaultValue: state });

/** Whether somebody is asked to look at it, or at its next version. */
export const inReview = (article: Article) => article.state === "IN_REVIEW" || article.draft?.submitted === true;
const written = (article: Article) =>
  article.state === "DRAFT" || (article.state === "PUBLISHED" && article.draft !== undefined && !article.draft.submitted);

const visibility = {
  name: "visibility",
  label: t("article.visibility"),
  kind: "choice" as const,
  required: true,
  initial: "INTERNAL",
  options: VISIBILITIES.map((value) => ({ value, label: t(`article.visible.${value}`) })),
};

const verbs: readonly Verb<Article>[] = [
  { id: "submit", label: t("article.verb.submit"), from: written, key: "s" },
  {
    id: "publish",
    label: t("article.verb.publish"),
    from: inReview,
    key: "e",
    fields: () => [{ name: "changeNote", label: t("article.changeNote"), kind: "area" }],
  },
  { id: "reject", label: t("article.verb.reject"), from: inReview, fields: () => [reason] },
  { id: "withdraw", label: t("article.verb.withdraw"), from: inReview, permission: "submit" },
  {
    id: "confirm",
    label: t("article.verb.confirm"),
    from: ["PUBLISHED"],
    fields: () => [{ name: "reviewTime", label: t("article.reviewTime"), kind: "time" }],
  },
  { id: "restore", label: t("article.verb.restore"), from: ["RETIRED"] },
  {
    id: "discard",
    label: t("article.verb.discard"),
    from: ({ state, draft }) => state === "PUBLISHED" && draft !== undefined,
    permission: "update",
    danger: true,
  },
  {
    id: "retire",
    label: t("article.verb.retire"),
    from: ["DRAFT", "IN_REVIEW", "PUBLISHED"],
    fields: () => [reason],
    danger: true,
  },
];

const State = ({ article }: { article: Article }) => (
  <>
    <StateChip tones={TONES} state={article.state} text={stateText(article.state)} />
    {article.state === "PUBLISHED" && article.draft && (
      <Chip tone={article.draft.submitted ? "warn" : "accent"}>
        {t(article.draft.submitted ? "article.nextWaits" : "article.next")}
      </Chip>
    )}
  </>
);

/** What is known and was written down. */
export const ARTICLES: Kind<Article> = {
  resources: "articles",
  many: t("article.many"),
  one: t("article.one"),
  icon: "knowledge",
  views: [
    { value: "published", label: t("article.published"), filter: () => "state = PUBLISHED" },
    { value: "drafts", label: t("article.drafts"), filter: () => "state = DRAFT" },
    { value: "review", label: t("article.waiting"), filter: () => "(state = IN_REVIEW OR draft.submitted = true)" },
    {
      value: "due",
      label: t("article.due"),
      // In whole hours, so that the question stays the same while one looks.
      filter: () =>
        `state = PUBLISHED AND reviewTime < ${quoted(new Date(Math.ceil(Date.now() / HOUR_MS) * HOUR_MS).toISOString())}`,
    },
    { value: "retired", label: t("article.retired"), filter: () => "state = RETIRED" },
    { value: "mine", label: t("view.mine"), filter: (me) => `ownerId = ${quoted(me)}` },
    { value: "all", label: t("view.all"), filter: () => "" },
  ],
  sorts: [
    { value: "newest", label: t("sort.newest"), orderBy: "createTime desc" },
    { value: "used", label: t("article.mostUsed"), orderBy: "useCount desc" },
  ],
  narrowings: [
    {
      name: "visibility",
      label: t("article.visibility"),
      options: VISIBILITIES.map((value) => ({ value, label: t(`article.visible.${value}`) })),
    },
  ],
  columns: [
    number("articles"),
    title(),
    { title: t("record.state"), width: "10rem", cell: (article) => <State article={article} /> },
    { title: t("article.language"), width: "5rem", minor: true, cell: ({ language }) => language },
    {
      title: t("article.visibility"),
      width: "8rem",
      minor: true,
      cell: ({ visibility: seen }) => t(`article.visible.${seen as "PUBLIC"}`, { defaultValue: "" }),
    },
    { title: t("article.uses"), width: "4rem", minor: true, cell: ({ useCount }) => useCount },
    {
      title: t("article.helped"),
      width: "6rem",
      minor: true,
      cell: ({ helpfulCount, unhelpfulCount }) =>
        helpfulCount + unhelpfulCount === 0 ? (
          <span className="muted">–</span>
        ) : (
          `${helpfulCount} / ${helpfulCount + unhelpfulCount}`
        ),
    },
    { title: t("record.changed"), width: "5rem", minor: true, cell: ({ updateTime }) => <Ago time={updateTime} /> },
  ],
  verbs,
  stateText,
  chips: (article) => <State article={article} />,
  facts: (article) => [
    [t("article.summary"), article.summary || null],
    [t("article.visibility"), t(`article.visible.${article.visibility as "PUBLIC"}`, { defaultValue: "" })],
    [t("record.team"), article.teamIds.length > 0 ? <Teams key="t" ids={article.teamIds} /> : null],
    [t("article.language"), article.language],
    [t("record.category"), article.category || null],
    [t("article.keywords"), article.keywords.join(", ") || null],
    [t("article.edition"), article.edition > 0 ? String(article.edition) : null],
    [t("article.author"), <Person key="a" id={article.authorId} />],
    [t("article.owner"), <Person key="o" id={article.ownerId} />],
    [t("article.uses"), String(article.useCount)],
    [t("article.helped"), `${article.helpfulCount} / ${article.helpfulCount + article.unhelpfulCount}`],
    [t("article.publishTime"), article.publishTime ? <Ago key="p" time={article.publishTime} /> : null],
    [t("article.reviewTime"), article.reviewTime ? at(article.reviewTime) : null],
    [t("article.expireTime"), article.expireTime ? at(article.expireTime) : null],
  ],
  main: (article) => <Reader article={article} />,
  side: (article) => <Links kind={ARTICLES} record={article} />,
  tabs: [
    {
      value: "write",
      label: t("article.write"),
      permission: "articles.update",
      show: (article) => <Editor key={article.id} article={article} />,
    },
    { value: "review", label: t("article.review"), show: (article) => <Review article={article} /> },
    {
      value: "versions",
      label: t("article.versions"),
      permission: "articles.history",
      show: (article) => <Versions article={article} />,
    },
    { value: "translations", label: t("article.translations"), show: (article) => <Translations article={article} /> },
    {
      value: "opinions",
      label: t("article.opinions"),
      permission: "articles.history",
      show: (article) => <Opinions article={article} />,
    },
  ],
  create: () => [
    { name: "title", label: t("record.title"), kind: "text", required: true },
    { name: "summary", label: t("article.summary"), kind: "area" },
    {
      name: "language",
      label: t("article.language"),
      kind: "choice",
      required: true,
      initial: "en",
      options: LANGUAGES.map((value) => ({ value, label: value })),
    },
    visibility,
    category,
  ],
  edit: [
    visibility,
    { name: "teamIds", label: t("article.teams"), kind: "lines", hint: t("article.teamsHint") },
    category,
    { name: "ownerId", label: t("article.owner"), kind: "person" },
    { name: "reviewTime", label: t("article.reviewTime"), kind: "time" },
    { name: "expireTime", label: t("article.expireTime"), kind: "time" },
  ],
  noteable: false,
  history: false,
};
