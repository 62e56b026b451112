import type { Schemas } from "@/api/client";
import { t } from "@/i18n";
import { StateChip } from "@/records/chips";
import { category, opened, team } from "@/records/common";
import type { Kind } from "@/records/kind";
import { RecordLink } from "@/records/RecordLink";
import { Ago, type Tone } from "@/ui/bits";
import { Designer } from "./Designer";
import { Part } from "./Part";

export type Item = Schemas["CatalogItem"];

const TONES: Record<Item["state"], Tone> = { STATE_UNSPECIFIED: "still", DRAFT: "accent", PUBLISHED: "good", RETIRED: "still" };
const stateText = (state: string) => t(`catalog.state.${state as Item["state"]}`, { defaultValue: state });
const State = ({ item: { state } }: { item: Item }) => <StateChip tones={TONES} state={state} text={stateText(state)} />;
const priced = ({ price }: Item) => (price?.amount ? `${price.amount} ${price.currency}` : null);

/** What people can ask for: what is asked of them, what it costs, and what is done for it. */
export const CATALOG: Kind<Item> = {
  resources: "catalogItems",
  many: t("catalog.many"),
  one: t("catalog.one"),
  icon: "catalog",
  find: (text) => `title:"${text.replaceAll('"', "")}"`,
  views: [
    { value: "published", label: t("catalog.published"), filter: () => "state = PUBLISHED" },
    { value: "drafts", label: t("catalog.drafts"), filter: () => "state = DRAFT" },
    { value: "retired", label: t("catalog.retired"), filter: () => "state = RETIRED" },
    { value: "all", label: t("view.all"), filter: () => "" },
  ],
  sorts: [{ value: "title", label: t("catalog.byTitle"), orderBy: "title" }],
  columns: [
    {
      title: t("record.title"),
      width: "minmax(12rem, 1fr)",
      cell: (item) => (
        <RecordLink resources="catalogItems" id={item.id}>
          {item.title}
        </RecordLink>
      ),
    },
    {
      title: t("record.category"),
      width: "12rem",
      minor: true,
      cell: (item) => item.category || <span className="muted">–</span>,
    },
    { title: t("record.state"), width: "8rem", cell: (item) => <State item={item} /> },
    { title: t("request.price"), width: "8rem", minor: true, cell: (item) => priced(item) ?? <span className="muted">–</span> },
    { title: t("catalog.tasks"), width: "5rem", minor: true, cell: ({ plan }) => plan.length },
    team.column(),
    opened(),
  ],
  verbs: [
    { id: "publish", label: t("catalog.verb.publish"), from: ["DRAFT", "RETIRED"], key: "s" },
    { id: "retire", label: t("catalog.verb.retire"), from: ["DRAFT", "PUBLISHED"], danger: true },
  ],
  stateText,
  chips: (item) => <State item={item} />,
  facts: (item) => [
    [t("record.category"), item.category || null],
    [t("request.price"), priced(item)],
    [t("catalog.revision"), String(item.revision)],
    [t("catalog.approval"), item.approvalPolicyId || t("catalog.nobody")],
    team.fact(item),
    [t("record.impact"), `${t(`level.${item.impact}`)} / ${t(`level.${item.urgency}`)}`],
    [t("record.opened"), <Ago key="o" time={item.createTime} />],
    [t("record.changed"), <Ago key="u" time={item.updateTime} />],
  ],
  main: (item) => <Designer key={item.id} item={item} />,
  tabs: [
    { value: "plan", label: t("catalog.plan"), show: (item) => <Part key={item.etag} item={item} names={["plan"]} /> },
    {
      value: "offer",
      label: t("catalog.offer"),
      show: (item) => (
        <Part
          key={item.etag}
          item={item}
          names={[
            "title",
            "description",
            "category",
            "price",
            "approvalPolicyId",
            "teamId",
            "impact",
            "urgency",
            "serviceId",
            "seenBy",
            "orderedBy",
          ]}
        />
      ),
    },
  ],
  create: () => [
    { name: "title", label: t("record.title"), kind: "text", required: true },
    { name: "description", label: t("record.description"), kind: "area" },
    { ...category, hint: t("catalog.categoryHint") },
    team,
  ],
  noteable: false,
  history: false,
};
