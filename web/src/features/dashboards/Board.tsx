import { Button } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useCommands } from "@/app/keys";
import type { PeriodSearch as Period } from "@/app/search";
import { useSession } from "@/app/session";
import { locale, t } from "@/i18n";
import { Empty, Loading, Problem } from "@/ui/bits";
import { Views } from "@/ui/filters";
import { Icon } from "@/ui/Icon";
import { Menu } from "@/ui/Menu";
import { ago, at, useNow } from "@/ui/time";
import { copied, toast, toastProblem } from "@/ui/toasts";
import { download } from "./csv";
import { type Board as Dashboard, useActs, useBoard, useData, useDefinitions, useDraft } from "./data";
import { History } from "./History";
import { inOrder } from "./layout";
import { Share } from "./Share";
import { TileView } from "./TileView";
import "./board.css";

const route = getRouteApi("/dashboards/$id");
const USUAL = [7, 30, 90] as const;
const MINUTE_MS = 60_000;

/** A dashboard as those see it who read it. */
export function Board() {
  const { id } = route.useParams();
  const query = useBoard(id);
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Loading />;
  return <Shown key={query.data.id} board={query.data} again={() => void query.refetch()} />;
}

/** What a dashboard is called; those of every tenant have a name in each language. */
export const nameOf = ({ id, name, builtIn }: Dashboard) =>
  builtIn ? t(`shipped.${id}.name` as "shipped.alerts.name", { defaultValue: name }) : name;

function Shown({ board, again }: { board: Dashboard; again: () => void }) {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/dashboards/$id" });
  const { me, can } = useSession();
  const acts = useActs();
  const [opened, setOpened] = useState<"share" | "history" | null>(null);
  const [dated, setDated] = useState(search.from !== undefined);
  const data = useData(board, search);
  const definitions = useDefinitions();
  const mine = !board.builtIn && can("dashboards.update") && (board.ownerId === me.subject || can("dashboards.shareWithAll"));
  const draft = useDraft(board.id, mine);
  const edition = data.data?.edition;
  const set = (period: Period) => void navigate({ search: period, replace: true });

  // Somebody published another version meanwhile.
  useEffect(() => {
    if (edition !== undefined && edition > board.edition) again();
  }, [edition, board.edition, again]);
  // What does not come by the stream, such as the passing of time, comes by the minute.
  const refetch = data.refetch;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) void refetch();
    }, MINUTE_MS);
    return () => clearInterval(timer);
  }, [refetch]);

  const edit = () => void navigate({ to: "/dashboards/$id/edit", params: { id: board.id } });
  const copy = async () => {
    try {
      const { description, days, tiles } = board;
      const made = await acts.make({ name: t("board.copyOf", { name: nameOf(board) }), description, days, tiles });
      await navigate({ to: "/dashboards/$id/edit", params: { id: made.id } });
    } catch (error) {
      toastProblem(error);
    }
  };
  const remove = async () => {
    try {
      await acts.remove(board);
      toast(t("board.removed", { name: board.name }));
      await navigate({ to: "/dashboards" });
    } catch (error) {
      toastProblem(error);
    }
  };
  const link = () => {
    void copied(location.href, t("board.linkCopied"));
  };
  const save = () => {
    if (data.data) download(board, data.data, nameOf(board));
  };
  const may = can("dashboards.create");
  const group = t("nav.dashboards");
  useCommands([
    ...(mine ? [{ id: "board.edit", label: t("board.edit"), keys: ["e"], group, run: edit }] : []),
    ...(!mine && may ? [{ id: "board.copy", label: t("board.copy"), keys: ["e"], group, run: () => void copy() }] : []),
    { id: "board.history", label: t("board.history"), group, run: () => setOpened("history") },
    { id: "board.link", label: t("board.link"), keys: ["."], group, run: link },
  ]);

  const days = search.from === undefined ? (search.days ?? board.days) : 0;
  const offered = [...new Set([...USUAL, board.days, ...(days ? [days] : [])])].sort((a, b) => a - b);
  const when = { from: data.data?.from, to: search.to && data.data?.to, asOf: data.data?.asOfTime };
  const tiles = inOrder(board.tiles);
  return (
    <>
      <div className="page-head">
        <Link to="/dashboards" className="crumb">
          {t("nav.dashboards")}
        </Link>
        <h1>{nameOf(board)}</h1>
        <Views
          label={t("dashboard.period")}
          views={[
            ...offered.map((each) => ({ value: String(each), label: t("dashboard.days", { count: each }) })),
            { value: "dates", label: t("board.dates") },
          ]}
          value={dated ? "dates" : String(days)}
          onChange={(value) => {
            setDated(value === "dates");
            if (value !== "dates") set({ days: Number(value) === board.days ? undefined : Number(value) });
          }}
        />
        {dated && <Dates search={search} set={set} />}
        <div className="line end">
          {data.data?.asOfTime && <AsOf time={data.data.asOfTime} questions={data.data.questionCount} />}
          {mine ? (
            <Button size="xs" onClick={edit}>
              {t("board.edit")}
            </Button>
          ) : (
            may && (
              <Button size="xs" variant="default" onClick={() => void copy()}>
                {t("board.copy")}
              </Button>
            )
          )}
          <Menu
            label={t("board.more")}
            className="sign"
            side="below"
            items={[
              { label: t("board.link"), icon: "link", run: link },
              ...(data.data ? [{ label: t("board.csv"), icon: "down" as const, run: save }] : []),
              ...(board.builtIn
                ? []
                : [{ label: t("board.history"), icon: "clock" as const, run: () => setOpened("history") }]),
              ...(mine ? [{ label: t("board.share"), icon: "person" as const, run: () => setOpened("share") }] : []),
              ...(mine && may ? [{ label: t("board.copy"), icon: "plus" as const, run: () => void copy() }] : []),
              ...(mine && can("dashboards.delete")
                ? [{ label: t("board.remove"), icon: "close" as const, run: () => void remove() }]
                : []),
            ]}
          >
            <Icon name="more" />
          </Menu>
        </div>
      </div>
      {draft.data?.etag && draft.data.updateTime && (
        <div className="notice line wrap" role="status">
          <span>{t("board.draftWaits", { time: at(draft.data.updateTime) })}</span>
          <Button size="compact-sm" onClick={edit}>
            {t("board.draftGoOn")}
          </Button>
          <Button
            size="compact-sm"
            variant="subtle"
            onClick={() => void acts.discard(board.id).then(() => draft.refetch(), toastProblem)}
          >
            {t("board.draftDiscard")}
          </Button>
        </div>
      )}
      <div className="page-scroll">
        {board.description && <p className="muted about">{board.description}</p>}
        {data.isError && <Problem error={data.error} retry={() => void data.refetch()} />}
        {tiles.length === 0 ? (
          <Empty
            icon="dashboard"
            title={t("board.empty")}
            action={mine ? <Button onClick={edit}>{t("board.edit")}</Button> : undefined}
          >
            {t("board.emptyText")}
          </Empty>
        ) : (
          <div className="board">
            {tiles.map((tile) => (
              <div
                key={tile.id}
                className="tile"
                data-kind={tile.kind}
                style={{ gridColumn: `${tile.x + 1} / span ${tile.w}`, gridRow: `${tile.y + 1} / span ${tile.h}` }}
              >
                <TileView
                  tile={tile}
                  data={data.data?.tiles.find(({ tileId }) => tileId === tile.id)}
                  definition={definitions.data?.find(({ name }) => name === tile.kpi)}
                  when={when}
                  busy={data.isPending}
                  shipped={board.builtIn ? board.id : undefined}
                  onPick={(filter) => void navigate({ to: "/incidents", search: { view: "all", filter } })}
                />
              </div>
            ))}
          </div>
        )}
      </div>
      {opened === "share" && <Share board={board} close={() => setOpened(null)} />}
      {opened === "history" && <History board={board} mine={mine} close={() => setOpened(null)} />}
    </>
  );
}

function Dates({ search, set }: { search: Period; set: (period: Period) => void }) {
  const today = new Date().toISOString().slice(0, 10);
  const input = (label: string, value: string | undefined, change: (day: string) => Period) => (
    <label className="field date">
      <span className="visually-hidden">{label}</span>
      <input
        type="date"
        aria-label={label}
        max={today}
        value={value ?? ""}
        onChange={({ currentTarget }) => currentTarget.value && set(change(currentTarget.value))}
      />
    </label>
  );
  return (
    <span className="line">
      {input(t("board.from"), search.from, (from) => ({ from, to: search.to }))}
      {search.from && input(t("board.to"), search.to, (to) => ({ from: search.from, to }))}
    </span>
  );
}

function AsOf({ time, questions }: { time: string; questions: number }) {
  const text = useNow((instant) => ago(time, instant));
  const title = `${new Date(time).toLocaleTimeString(locale())} · ${t("board.questions", { count: questions })}`;
  return (
    <span className="muted nowrap" title={title}>
      {t("dashboard.asOf", { time: text })}
    </span>
  );
}
