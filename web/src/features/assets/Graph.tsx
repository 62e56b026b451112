import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { api, body, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { rightToLeft, t } from "@/i18n";
import { className } from "@/ui/assets";
import { Empty, Loading, Problem } from "@/ui/bits";
import { Views } from "@/ui/filters";
import { Icon } from "@/ui/Icon";
import { CriticalityChip, LifeChip } from "./chips";
import { type Box, frame, nearest, type Placed, type View, zoomed } from "./layout";

type Answer = Schemas["GetGraphResponse"];

const WIDTH = 168;
const HEIGHT = 46;
/** Where the texts of a node begin. */
const TEXT_X = rightToLeft ? WIDTH - 12 : 12;
const DEPTHS = ["1", "2", "3"] as const;

interface Item extends Placed {
  title: string;
  sub: string;
  group: boolean;
  restricted: boolean;
  state: string;
}

/** The neighborhood of an asset as a drawing, and the same as a table. */
export function Graph({ id, depth, onDepth }: { id: string; depth: number; onDepth: (depth: number) => void }) {
  const { can } = useSession();
  const [shown, setShown] = useState<"chart" | "table">("chart");
  const [expand, setExpand] = useState<string[]>([]);
  const query = useQuery({
    queryKey: ["relations", "graph", id, depth, expand],
    queryFn: () => body(api.GET("/api/v1/assets/{id}:graph", { params: { path: { id }, query: { depth, expand } } })),
    placeholderData: keepPreviousData,
  });
  const impact = useQuery({
    queryKey: ["relations", "impact", id, "states", depth],
    enabled: can("assets.impact"),
    queryFn: async () => {
      const { hits } = await body(
        api.GET("/api/v1/assets/{id}:impact", { params: { path: { id }, query: { depth, pageSize: 200 } } }),
      );
      return new Map(hits.map((hit) => [hit.assetId, hit.root ? "ROOT" : hit.state]));
    },
  });
  const [marked, setMarked] = useState(false);
  if (query.isPending) return <Loading rows={5} />;
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  const alone = query.data.nodes.length <= 1 && query.data.groups.length === 0;
  return (
    <section className="card">
      <header className="line wrap">
        <Views
          label={t("graph.depth")}
          views={DEPTHS.map((value) => ({ value, label: t("graph.steps", { count: Number(value) }) }))}
          value={String(Math.min(depth, 3))}
          onChange={(value) => onDepth(Number(value))}
        />
        {impact.data && (
          <button type="button" className="toggle" aria-pressed={marked} onClick={() => setMarked(!marked)}>
            {t("graph.mark")}
          </button>
        )}
        <span className="end">
          <Views
            label={t("graph.form")}
            views={[
              { value: "chart", label: t("graph.drawing") },
              { value: "table", label: t("common.table") },
            ]}
            value={shown}
            onChange={(value) => setShown(value as "chart" | "table")}
          />
        </span>
      </header>
      {alone ? (
        <Empty icon="link" title={t("graph.none")}>
          {t("graph.noneText")}
        </Empty>
      ) : shown === "chart" ? (
        <Drawing
          root={id}
          answer={query.data}
          states={marked ? impact.data : undefined}
          onExpand={(parent) => setExpand((known) => [...known, parent])}
        />
      ) : (
        <Twin answer={query.data} states={impact.data} />
      )}
      {query.data.cut && <p className="body muted">{t("graph.cut")}</p>}
    </section>
  );
}

function itemsOf(answer: Answer, states: ReadonlyMap<string, string> | undefined): Item[] {
  // The service lays it out from left to right.
  const along = (x: number) => (rightToLeft ? -x : x);
  return [
    ...answer.nodes.map((node) => ({
      id: node.id,
      x: along(node.x),
      y: node.y,
      title: node.restricted ? t("graph.restricted") : node.name,
      sub:
        node.hiddenCount > 0
          ? t("graph.hidden", { name: className(node.class), count: node.hiddenCount })
          : className(node.class),
      group: false,
      restricted: node.restricted,
      state: states?.get(node.id) ?? "",
    })),
    ...answer.groups.map((group) => ({
      id: group.id,
      x: along(group.x),
      y: group.y,
      title: t("graph.group", { count: group.count, name: className(group.class) || t("graph.restricted") }),
      sub: t("graph.unfold"),
      group: true,
      restricted: false,
      state: "",
    })),
  ];
}

const short = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

function Drawing({
  root,
  answer,
  states,
  onExpand,
}: {
  root: string;
  answer: Answer;
  states: ReadonlyMap<string, string> | undefined;
  onExpand: (id: string) => void;
}) {
  const navigate = useNavigate();
  const place = useRef<SVGSVGElement>(null);
  const items = useMemo(() => itemsOf(answer, states), [answer, states]);
  const byId = useMemo(() => new Map(items.map((item) => [item.id, item])), [items]);
  const parents = useMemo(() => new Map(answer.groups.map((group) => [group.id, group.parentId])), [answer]);
  const whole = useMemo(() => frame(items, WIDTH, HEIGHT), [items]);
  const [view, setView] = useState<View>(whole);
  const [current, setCurrent] = useState(root);
  const dragged = useRef<{ x: number; y: number; view: View } | null>(null);
  useEffect(() => setView(whole), [whole]);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    // React listens to wheels passively, so that a page could not be kept from scrolling.
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const box = element.getBoundingClientRect();
      const at = { x: (event.clientX - box.x) / box.width, y: (event.clientY - box.y) / box.height };
      setView((known) => zoomed(known, event.deltaY < 0 ? 0.88 : 1.14, at));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, []);

  const open = (item: Item) => {
    if (item.group) onExpand(parents.get(item.id) ?? "");
    else if (!item.restricted && item.id !== root)
      void navigate({ to: "/assets/$id", params: { id: item.id }, search: { tab: "graph" } });
  };
  const focus = (item: Placed | undefined) => {
    if (item === undefined) return;
    setCurrent(item.id);
    place.current?.querySelector<SVGGElement>(`[data-id="${CSS.escape(item.id)}"]`)?.focus();
  };
  const onKeyDown = (event: KeyboardEvent, item: Item) => {
    const towards = ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] } as const)[
      event.key as "ArrowLeft"
    ];
    if (towards !== undefined) {
      event.preventDefault();
      focus(nearest(items, item, towards));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open(item);
    }
  };
  const scale = () => view.width / (place.current?.clientWidth ?? 1);
  const onPointerDown = (event: PointerEvent<SVGSVGElement>) => {
    if ((event.target as Element).closest(".node") !== null) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    dragged.current = { x: event.clientX, y: event.clientY, view };
  };
  const onPointerMove = (event: PointerEvent) => {
    const from = dragged.current;
    if (from === null) return;
    setView({
      ...from.view,
      x: from.view.x - (event.clientX - from.x) * scale(),
      y: from.view.y - (event.clientY - from.y) * scale(),
    });
  };
  const tools: [string, "plus" | "minus" | "fit", () => void][] = [
    [t("graph.closer"), "plus", () => setView((known) => zoomed(known, 0.8))],
    [t("graph.farther"), "minus", () => setView((known) => zoomed(known, 1.25))],
    [t("graph.fit"), "fit", () => setView(whole)],
  ];
  return (
    <div className="graph">
      <svg
        ref={place}
        viewBox={`${view.x} ${view.y} ${view.width} ${view.height}`}
        role="group"
        aria-label={t("graph.label")}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={() => {
          dragged.current = null;
        }}
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0 8 4 0 8z" fill="context-stroke" />
          </marker>
        </defs>
        {answer.edges.map((edge) => {
          const from = byId.get(edge.providerId);
          const to = byId.get(edge.consumerId);
          if (from === undefined || to === undefined) return null;
          const failed = (from.state === "ROOT" || from.state === "FAILED") && to.state === "FAILED";
          return (
            <path
              key={edge.relationId || `${edge.providerId}${edge.consumerId}`}
              className="edge"
              data-state={failed ? "FAILED" : ""}
              d={curve(from, to)}
              markerEnd="url(#arrow)"
            />
          );
        })}
        {items.map((item) => (
          <g
            key={item.id}
            className="node"
            role="button"
            tabIndex={item.id === current ? 0 : -1}
            data-id={item.id}
            data-root={item.id === root}
            data-state={item.state}
            aria-label={[
              item.title,
              item.sub,
              item.state === "FAILED" && t("impact.isFailed"),
              item.state === "AT_RISK" && t("impact.isAtRisk"),
            ]
              .filter(Boolean)
              .join(", ")}
            transform={`translate(${item.x - WIDTH / 2} ${item.y - HEIGHT / 2})`}
            onClick={() => open(item)}
            onFocus={() => setCurrent(item.id)}
            onKeyDown={(event) => onKeyDown(event, item)}
          >
            {item.group && <rect x="5" y="5" width={WIDTH} height={HEIGHT} rx="8" />}
            <rect width={WIDTH} height={HEIGHT} rx="8" />
            <text x={TEXT_X} y="19">
              {short(item.title, 22)}
            </text>
            <text x={TEXT_X} y="35" className="sub">
              {short(item.sub, 26)}
            </text>
            <title>{item.title}</title>
          </g>
        ))}
      </svg>
      <div className="tools">
        {tools.map(([label, icon, run]) => (
          <button key={icon} type="button" className="sign framed" aria-label={label} title={label} onClick={run}>
            <Icon name={icon} />
          </button>
        ))}
      </div>
    </div>
  );
}

/** From the provider's edge to the consumer's, whichever stands to the left. */
function curve(from: Box, to: Box): string {
  if (Math.abs(to.x - from.x) < WIDTH) {
    // Two in one column: around their left side, farther out the farther they are apart.
    const side = Math.min(from.x, to.x) - WIDTH / 2;
    const out = side - 16 - Math.min(56, Math.abs(to.y - from.y) / 5);
    return `M${from.x - WIDTH / 2} ${from.y}C${out} ${from.y} ${out} ${to.y} ${to.x - WIDTH / 2 - 2} ${to.y}`;
  }
  const forwards = to.x >= from.x;
  const start = from.x + (forwards ? WIDTH / 2 : -WIDTH / 2);
  const end = to.x + (forwards ? -WIDTH / 2 : WIDTH / 2) + (forwards ? -2 : 2);
  const middle = (start + end) / 2;
  return `M${start} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${end} ${to.y}`;
}

/** The same as rows: for those who do not see drawings, and for copying. */
function Twin({ answer, states }: { answer: Answer; states: ReadonlyMap<string, string> | undefined }) {
  const names = new Map([
    ...answer.nodes.map((node) => [node.id, node.restricted ? t("graph.restricted") : node.name] as const),
    ...answer.groups.map(
      (group) => [group.id, t("graph.group", { count: group.count, name: className(group.class) })] as const,
    ),
  ]);
  const nodes = [...answer.nodes].sort((a, b) => a.layer - b.layer || a.name.localeCompare(b.name));
  return (
    <div className="body">
      <table className="table">
        <caption className="visually-hidden">{t("graph.label")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("asset.name")}</th>
            <th scope="col">{t("asset.class")}</th>
            <th scope="col">{t("asset.state")}</th>
            <th scope="col">{t("asset.criticality")}</th>
            <th scope="col">{t("graph.needs")}</th>
            <th scope="col">{t("impact.state")}</th>
          </tr>
        </thead>
        <tbody>
          {nodes.map((node) => (
            <tr key={node.id}>
              <th scope="row">
                {node.restricted ? (
                  t("graph.restricted")
                ) : (
                  <Link to="/assets/$id" params={{ id: node.id }}>
                    {node.name}
                  </Link>
                )}
              </th>
              <td>{className(node.class)}</td>
              <td>{node.state && <LifeChip state={node.state} />}</td>
              <td>{node.criticality && <CriticalityChip criticality={node.criticality} />}</td>
              <td>
                {answer.edges
                  .filter(({ consumerId }) => consumerId === node.id)
                  .map(({ providerId, kind }) => `${names.get(providerId)} (${t(`relation.${kind}`)})`)
                  .join(", ")}
              </td>
              <td>{{ FAILED: t("impact.isFailed"), AT_RISK: t("impact.isAtRisk") }[states?.get(node.id) ?? ""] ?? ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
