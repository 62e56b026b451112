import { Button } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useRef } from "react";
import { useCommands } from "@/app/keys";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Empty, Loading, Problem } from "@/ui/bits";
import { Peek, RowList } from "@/ui/RowList";
import { copied } from "@/ui/toasts";
import { useCursor } from "@/ui/useCursor";
import { useLiveList } from "@/ui/useLiveList";
import { BulkBar } from "./BulkBar";
import { Cell } from "./Cell";
import { useCreate } from "./CreateDialog";
import { filterOf, listRecords } from "./data";
import { type DeskRecord, type Kind, nameOf, verbsOf } from "./kind";
import { QueueFilters } from "./QueueFilters";
import { addressOf } from "./RecordLink";
import { RecordPeek } from "./RecordPeek";
import type { RecordSearch } from "./search";
import { useVerbs } from "./useVerbs";
import { useSaved, Views } from "./Views";

const NEWEST = "createTime desc";

/** The list of a kind of record: views, filters, keys, preview, and work on many at once. */
export function RecordQueue<R extends DeskRecord>({ kind }: { kind: Kind<R> }) {
  const search: RecordSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const { me, can } = useSession();
  const saved = useSaved(kind.resources, search.saved);
  const own = filterOf(kind, search, me.subject);
  const filter = [saved?.filter && `(${saved.filter})`, own].filter(Boolean).join(" AND ");
  const orderBy =
    kind.sorts?.find(({ value }) => value === search.sort)?.orderBy || saved?.orderBy || kind.sorts?.[0]?.orderBy || NEWEST;
  const load = useCallback(
    (wanted: string, order: string, token: string, size: number) => listRecords<R>(kind.resources, wanted, order, token, size),
    [kind.resources],
  );
  const { query, items, fresh, gone, show } = useLiveList<R>({ kind: kind.resources, filter, orderBy, load });
  const text = useRef<HTMLInputElement>(null);
  const set = useCallback(
    (part: RecordSearch) => void navigate({ to: ".", search: (known: RecordSearch) => ({ ...known, ...part }), replace: true }),
    [navigate],
  );
  const open = (record: R) => void navigate(addressOf(kind.resources, nameOf(record)));
  const cursor = useCursor({
    items,
    peeked: search.peek,
    onPeek: (record) => set({ peek: record?.id }),
    onOpen: open,
    onShow: () => void show(),
    selectable: (kind.bulk?.length ?? 0) > 0,
  });
  const { act, dialog } = useVerbs(kind, cursor.clear);
  const create = useCreate(kind, open);
  const meant = cursor.chosen.length > 0 ? cursor.chosen : cursor.item ? [cursor.item] : [];
  const able = new Set(meant.flatMap((each) => verbsOf(kind, each, can)));
  useCommands([
    // Verbs of different states have the same key: the first that can be done has it.
    ...kind.verbs
      .filter(({ key }) => key !== undefined)
      .sort((one, other) => Number(able.has(other)) - Number(able.has(one)))
      .map(({ id, label, key }) => ({
        id: `${kind.resources}.${id}`,
        label,
        keys: [key as string],
        group: kind.many,
        run: () => act(id, meant),
      })),
    { id: "list.filter", label: t("list.filter"), keys: ["f", "/"], group: t("keys.list"), run: () => text.current?.focus() },
    {
      id: "record.copy",
      label: t("record.copy"),
      keys: ["."],
      group: t("keys.list"),
      run: () => void copied(meant.map(nameOf).join(" ")),
    },
    ...(create.able ? [{ id: "record.new", label: create.label, keys: ["c"], group: t("keys.list"), run: create.open }] : []),
  ]);

  const peeked = useMemo(() => items.find(({ id }) => id === search.peek), [items, search.peek]);
  const fetchMore = query.fetchNextPage;
  const onMore = useCallback(() => void fetchMore(), [fetchMore]);
  const columns = useMemo(
    () => (peeked ? kind.columns.filter((column, index) => index < 2 || !column.minor).slice(0, 5) : kind.columns),
    [peeked, kind.columns],
  );
  const cells = useCallback(
    (record: R) => columns.map((column) => <Cell key={column.title} kind={kind} column={column} record={record} />),
    [columns, kind],
  );
  return (
    <>
      <div className="page-head">
        <h1>{kind.many}</h1>
        <Views kind={kind} search={search} filter={filter} orderBy={orderBy} set={set} />
        <div className="verbs">
          {kind.tools?.()}
          {create.able && (
            <Button size="xs" onClick={create.open}>
              {create.label}
            </Button>
          )}
        </div>
      </div>
      <QueueFilters kind={kind} search={search} set={set} text={text} filter={filter} orderBy={orderBy} />
      {query.isError && (
        <div className="page-scroll">
          <Problem error={query.error} retry={() => void query.refetch()} />
        </div>
      )}
      {query.isPending && <Loading />}
      {query.isSuccess && (
        <div className="split">
          {items.length === 0 && fresh.size === 0 ? (
            <Empty
              icon="check"
              title={t("record.nothing")}
              action={
                <Button variant="default" onClick={() => void navigate({ to: ".", search: { view: "all" } })}>
                  {t("record.showAll")}
                </Button>
              }
            >
              {t("record.nothingText", { kind: kind.many })}
            </Empty>
          ) : (
            <RowList
              label={kind.many}
              items={items}
              head={columns}
              columns={columns.map(({ width }) => width).join(" ")}
              cells={cells}
              active={cursor.active}
              onActive={cursor.activate}
              onOpen={open}
              selected={cursor.selected}
              moved={gone}
              fresh={fresh.size}
              onNews={() => void show()}
              more={query.hasNextPage}
              onMore={onMore}
            />
          )}
          {peeked && (
            <Peek title={nameOf(peeked)} onClose={() => set({ peek: undefined })}>
              <RecordPeek kind={kind} record={peeked} act={act} />
            </Peek>
          )}
        </div>
      )}
      {cursor.chosen.length > 0 && can(`${kind.resources}.list`) && (
        <BulkBar
          key={[filter, ...cursor.chosen.map(({ id }) => id)].join()}
          kind={kind}
          chosen={cursor.chosen}
          more={query.hasNextPage || cursor.chosen.length < items.length}
          filter={filter}
          act={act}
          clear={cursor.clear}
        />
      )}
      {dialog}
      {create.dialog}
    </>
  );
}
