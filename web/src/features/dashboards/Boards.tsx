import { Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useCommands } from "@/app/keys";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Ago, Chip, Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Field, TextInput } from "@/ui/form";
import { Icon } from "@/ui/Icon";
import { Person } from "@/ui/people";
import { nameOf } from "./Board";
import { type Board, useActs, useBoards } from "./data";
import "./board.css";

/** All dashboards that somebody sees: his own, those of others, those of every tenant. */
export function Boards() {
  const { me, can } = useSession();
  const query = useBoards();
  const [making, setMaking] = useState(false);
  const may = can("dashboards.create");
  const all = query.data ?? [];
  const mine = all.filter(({ ownerId, builtIn }) => !builtIn && ownerId === me.subject);
  const others = all.filter(({ ownerId, builtIn }) => !builtIn && ownerId !== me.subject);
  useCommands(
    may
      ? [{ id: "board.new", label: t("board.new"), keys: ["c"], group: t("nav.dashboards"), run: () => setMaking(true) }]
      : [],
  );
  return (
    <>
      <div className="page-head">
        <h1>{t("nav.dashboards")}</h1>
        {may && (
          <Button size="xs" className="end" onClick={() => setMaking(true)}>
            {t("board.new")}
          </Button>
        )}
      </div>
      <div className="page-scroll stack">
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.isPending && <Loading rows={5} />}
        {query.data && (
          <>
            {may && (
              <Section title={t("board.mine")} boards={mine}>
                <Empty icon="dashboard" title={t("board.noneMine")}>
                  {t("board.noneMineText")}
                </Empty>
              </Section>
            )}
            {others.length > 0 && <Section title={t("board.shared")} boards={others} />}
            <Section title={t("board.shippedAll")} boards={all.filter(({ builtIn }) => builtIn)} />
          </>
        )}
      </div>
      {making && <Make close={() => setMaking(false)} />}
    </>
  );
}

function Section({ title, boards, children }: { title: string; boards: readonly Board[]; children?: React.ReactNode }) {
  return (
    <section aria-label={title} className="stack">
      <h2>{title}</h2>
      {boards.length === 0 ? children : null}
      <ul className="board-list">
        {boards.map((board) => (
          <li key={board.id} className="card">
            <Link to="/dashboards/$id" params={{ id: board.id }} className="stack">
              <span className="line">
                <Icon name="dashboard" />
                <strong className="clip">{nameOf(board)}</strong>
                {!board.builtIn && (
                  <span className="end">
                    <Chip tone={board.sharing === "PRIVATE" ? "still" : "calm"}>
                      {t(`sharing.${board.sharing as "PRIVATE"}`)}
                    </Chip>
                  </span>
                )}
              </span>
              <span className="muted about">
                {board.builtIn
                  ? t(`shipped.${board.id}.about` as "shipped.alerts.about", { defaultValue: board.description })
                  : board.description || t("board.tiles", { count: board.tiles.length })}
              </span>
            </Link>
            {!board.builtIn && (
              <p className="line muted">
                <Person id={board.ownerId} />
                <span className="end">
                  <Ago time={board.publishTime} />
                </span>
              </p>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Make({ close }: { close: () => void }) {
  const acts = useActs();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [error, setError] = useState<unknown>(null);
  const make = async () => {
    try {
      const { id } = await acts.make({ name });
      await navigate({ to: "/dashboards/$id/edit", params: { id } });
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <Dialog opened title={t("board.new")} onClose={close}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <Field label={t("board.name")}>
          <TextInput value={name} onChange={setName} required data-autofocus />
        </Field>
        {error !== null && <Problem error={error} />}
        <div className="line">
          <Button type="submit">{t("board.make")}</Button>
          <Button variant="default" onClick={close}>
            {t("common.cancel")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
