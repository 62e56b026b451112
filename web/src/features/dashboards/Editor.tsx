import { Button } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ApiProblem } from "@/api/problem";
import { useCommands } from "@/app/keys";
import { t } from "@/i18n";
import { Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Field, Select, TextArea, TextInput } from "@/ui/form";
import { toast, toastProblem } from "@/ui/toasts";
import { Configure } from "./Configure";
import { type Board, type Draft, type Tile, useActs, useBoard, useDefinitions, useFirstDraft, usePreview } from "./data";
import { Gallery } from "./Gallery";
import { Grid } from "./Grid";
import { room } from "./layout";
import { TileView } from "./TileView";
import { useEditing } from "./useEditing";
import "./board.css";

const route = getRouteApi("/dashboards/$id/edit");
const PERIODS = [1, 7, 30, 90, 365] as const;
const STALE = 412;

/** A dashboard as its maker edits it: what he changes is kept as his draft, and nobody sees it until he publishes. */
export function Editor() {
  const { id } = route.useParams();
  const board = useBoard(id);
  const draft = useFirstDraft(id);
  const failed = [board, draft].find(({ isError }) => isError);
  if (failed) return <Problem error={failed.error} retry={() => void failed.refetch()} />;
  if (!board.data || !draft.data) return <Loading />;
  return <Edited key={id} board={board.data} first={draft.data} />;
}

function Edited({ board, first }: { board: Board; first: Draft }) {
  const navigate = useNavigate();
  const acts = useActs();
  const { state, act, kept, keep, begin } = useEditing(board.id, first);
  const { content, chosen } = state;
  const [offered, setOffered] = useState(first.etag !== "");
  const [opened, setOpened] = useState<"gallery" | "publish" | "about" | null>(null);
  const preview = usePreview(content.tiles, content.days);
  const definitions = useDefinitions();
  const tile = content.tiles.find(({ id }) => id === chosen);
  const dataOf = (id: string) => preview.data?.tiles.find(({ tileId }) => tileId === id);
  const leave = async () => {
    await keep();
    await navigate({ to: "/dashboards/$id", params: { id: board.id } });
  };
  const add = (made: Omit<Tile, "id">) => {
    act({ act: "add", tile: { ...made, ...room(content.tiles, made.w, made.h), id: crypto.randomUUID().slice(0, 8) } });
  };
  const discard = async () => {
    try {
      const now = await acts.discard(board.id);
      begin(now, "");
      setOffered(false);
      toast(t("board.discarded"));
    } catch (error) {
      toastProblem(error);
    }
  };
  const group = t("nav.dashboards");
  useCommands([
    { id: "board.add", label: t("board.add"), keys: ["a"], group, run: () => setOpened("gallery") },
    { id: "board.publish", label: t("board.publish"), keys: ["Mod+Enter"], group, run: () => setOpened("publish") },
    { id: "board.leave", label: t("board.leave"), group, run: () => void leave() },
  ]);
  const changed = kept !== "clean";
  return (
    <>
      <div className="page-head">
        <Link to="/dashboards/$id" params={{ id: board.id }} className="crumb" onClick={() => void keep()}>
          {t("board.editing")}
        </Link>
        <h1>{content.name || t("board.nameless")}</h1>
        <Button size="compact-sm" variant="subtle" onClick={() => setOpened("about")}>
          {t("board.about")}
        </Button>
        <span className="muted" role="status">
          {t(`board.keep.${kept}`)}
        </span>
        <div className="line end wrap">
          <Button size="xs" variant="default" onClick={() => setOpened("gallery")}>
            {t("board.add")}
          </Button>
          {changed && (
            <Button size="xs" variant="default" onClick={() => void discard()}>
              {t("board.draftDiscard")}
            </Button>
          )}
          <Button size="xs" variant="default" onClick={() => void leave()}>
            {t("board.leave")}
          </Button>
          <Button size="xs" disabled={!changed} onClick={() => setOpened("publish")}>
            {t("board.publish")}
          </Button>
        </div>
      </div>
      {offered && (
        <div className="notice line wrap" role="status">
          <span>
            {t(first.baseEdition === board.edition ? "board.draftTaken" : "board.draftOld", { edition: board.edition })}
          </span>
          <Button size="compact-sm" variant="subtle" onClick={() => setOffered(false)}>
            {t("board.draftGoOn")}
          </Button>
        </div>
      )}
      <div className="page-scroll workshop" data-open={tile !== undefined}>
        <div className="grow">
          {content.tiles.length === 0 ? (
            <Empty
              icon="dashboard"
              title={t("board.empty")}
              action={<Button onClick={() => setOpened("gallery")}>{t("board.add")}</Button>}
            >
              {t("board.addText")}
            </Empty>
          ) : (
            <Grid state={state} act={act} onCopy={({ id: _, ...rest }) => add(rest)}>
              {(each, tools) => (
                <TileView
                  tile={each}
                  data={dataOf(each.id)}
                  definition={definitions.data?.find(({ name }) => name === each.kpi)}
                  when={{ from: preview.data?.from, asOf: preview.data?.asOfTime }}
                  busy={preview.isPending}
                  leads={false}
                  tools={tools}
                />
              )}
            </Grid>
          )}
        </div>
        {tile && (
          <Configure
            key={tile.id}
            tile={tile}
            data={dataOf(tile.id)}
            change={(part) => act({ act: "change", id: tile.id, part })}
            close={() => act({ act: "choose", id: null })}
          />
        )}
      </div>
      {opened === "gallery" && <Gallery add={add} close={() => setOpened(null)} />}
      {opened === "about" && (
        <Dialog opened title={t("board.about")} onClose={() => setOpened(null)}>
          <div className="stack">
            <Field label={t("board.name")}>
              <TextInput value={content.name} onChange={(name) => act({ act: "describe", part: { name } })} data-autofocus />
            </Field>
            <Field label={t("board.description")}>
              <TextArea
                value={content.description}
                onChange={(description) => act({ act: "describe", part: { description } })}
              />
            </Field>
            <Field label={t("board.firstPeriod")}>
              <Select value={String(content.days)} onChange={(days) => act({ act: "describe", part: { days: Number(days) } })}>
                {[...new Set([...PERIODS, content.days])]
                  .sort((a, b) => a - b)
                  .map((days) => (
                    <option key={days} value={days}>
                      {t("dashboard.days", { count: days })}
                    </option>
                  ))}
              </Select>
            </Field>
          </div>
        </Dialog>
      )}
      {opened === "publish" && <Publish board={board} keep={keep} close={() => setOpened(null)} />}
    </>
  );
}

function Publish({ board, keep, close }: { board: Board; keep: () => Promise<boolean>; close: () => void }) {
  const acts = useActs();
  const navigate = useNavigate();
  const latest = useBoard(board.id);
  const [note, setNote] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const over = error instanceof ApiProblem && error.status === STALE;
  const publish = async (etag?: string) => {
    setBusy(true);
    try {
      if (!(await keep())) throw new Error(t("board.keep.failed"));
      const { edition } = await acts.publish(board.id, note, etag);
      toast(t("board.published", { edition }));
      await navigate({ to: "/dashboards/$id", params: { id: board.id } });
    } catch (failure) {
      setError(failure);
      setBusy(false);
      void latest.refetch();
    }
  };
  return (
    <Dialog opened title={t("board.publish")} onClose={close}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void publish();
        }}
      >
        <Field label={t("board.note")}>
          <TextInput value={note} onChange={setNote} placeholder={t("board.noteExample")} data-autofocus />
        </Field>
        <p className="muted">{t(`board.publishTo.${board.sharing as "PRIVATE"}`)}</p>
        {error !== null && <Problem error={error} />}
        <div className="line">
          {over ? (
            <Button loading={busy} onClick={() => void publish(latest.data?.etag)}>
              {t("board.publishOver")}
            </Button>
          ) : (
            <Button type="submit" loading={busy}>
              {t("board.publish")}
            </Button>
          )}
          <Button variant="default" onClick={close}>
            {t("common.cancel")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
