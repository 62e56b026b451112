import { Button } from "@mantine/core";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useCommands } from "@/app/keys";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Views } from "@/ui/filters";
import { Icon } from "@/ui/Icon";
import { Menu } from "@/ui/Menu";
import { copied } from "@/ui/toasts";
import { Composer } from "./Composer";
import { useRecord, useWrite } from "./data";
import { Facts } from "./Facts";
import { FieldsForm } from "./FieldsForm";
import { type DeskRecord, type Field, type Kind, nameOf, offered, titleOf, type Value, type Values, verbsOf } from "./kind";
import { Conflict } from "./meanwhile";
import { Presence } from "./Presence";
import type { RecordSearch } from "./search";
import { Timeline } from "./Timeline";
import { useVerbs } from "./useVerbs";

/** The page of one record of this kind, which the address names by id or number. */
export function RecordPage<R extends DeskRecord>({ kind }: { kind: Kind<R> }) {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const query = useRecord<R>(kind.resources, id);
  if (query.isPending) return <Loading />;
  if (query.isError) {
    return (
      <div className="page-scroll">
        <div className="page-head">
          <h1>{id}</h1>
        </div>
        <Problem error={query.error} retry={() => void query.refetch()} />
      </div>
    );
  }
  return <Page key={query.data.id} kind={kind} record={query.data} />;
}

const withKnown = <R extends DeskRecord>(fields: readonly Field[], record: R): Field[] =>
  fields.map((field) => ({ ...field, initial: (record as unknown as Record<string, Value | undefined>)[field.name] }));

function Page<R extends DeskRecord>({ kind, record }: { kind: Kind<R>; record: R }) {
  const { can } = useSession();
  const navigate = useNavigate();
  const search: RecordSearch = useSearch({ strict: false });
  const { act, dialog } = useVerbs(kind);
  const write = useWrite(kind);
  const [editing, setEditing] = useState<R | null>(null); // as it was when the dialog was opened: others may change it meanwhile
  const [writing, setWriting] = useState(false);
  const verbs = verbsOf(kind, record, can);
  const shown = offered(verbs);
  const editable = kind.edit !== undefined && can(`${kind.resources}.update`);
  const list = `/${kind.resources}` as "/incidents";
  const tabs = kind.tabs?.filter(({ permission }) => permission === undefined || can(permission));
  const tab = tabs?.find(({ value }) => value === search.tab);
  useEffect(() => {
    document.title = `${nameOf(record)} ${titleOf(record)}`;
    return () => {
      document.title = "ITSM";
    };
  }, [record]);
  useCommands([
    ...verbs.map(({ id, label, key }) => ({
      id: `${kind.resources}.${id}`,
      label,
      keys: key === undefined ? undefined : [key],
      group: kind.many,
      run: () => act(id, [record]),
    })),
    ...(editable
      ? [{ id: "record.edit", label: t("record.edit"), keys: ["i"], group: kind.many, run: () => setEditing(record) }]
      : []),
    {
      id: "record.copy",
      label: t("record.copy"),
      keys: ["."],
      group: kind.many,
      run: () => void copied(nameOf(record)),
    },
    {
      id: "record.back",
      label: t("record.back"),
      keys: ["Escape"],
      group: kind.many,
      palette: false,
      run: () => void navigate({ to: list }),
    },
  ]);
  const rest = [
    ...shown.rest.map(({ id, label }) => ({ label, run: () => act(id, [record]) })),
    ...(editable ? [{ label: t("record.edit"), icon: "note" as const, run: () => setEditing(record) }] : []),
  ];
  const save = async (from: R, values: Values) => {
    const known = from as unknown as Values;
    const changed = Object.fromEntries(
      Object.entries(values).filter(([name, value]) => JSON.stringify(known[name] ?? "") !== JSON.stringify(value ?? "")),
    );
    try {
      if (Object.keys(changed).length > 0) await write(from, changed);
      setEditing(null);
    } catch (error) {
      if (error instanceof Conflict) setEditing(error.present as R);
      throw error;
    }
  };
  const description = (record as { description?: string }).description;
  return (
    <>
      <div className="page-head">
        <div className="stack" style={{ gap: "0.25rem" }}>
          <div className="line wrap">
            <Link to={list} className="crumb">
              {kind.many}
            </Link>
            <span className="muted">/</span>
            <span className="strong">{nameOf(record)}</span>
            {kind.chips(record)}
            <Presence subject={`${kind.resources}/${record.id}`} writing={writing} />
          </div>
          <h1>{titleOf(record)}</h1>
        </div>
        <div className="verbs">
          {shown.first.map(({ id, label }, index) => (
            <Button key={id} size="sm" variant={index === 0 ? "filled" : "default"} onClick={() => act(id, [record])}>
              {label}
            </Button>
          ))}
          {kind.actions?.(record)}
          {rest.length > 0 && (
            <Menu label={t("record.more")} className="button" side="below" items={rest}>
              <Icon name="more" />
            </Menu>
          )}
        </div>
      </div>
      {tabs && (
        <div className="filters">
          <Views
            label={t("record.parts")}
            views={[{ value: "", label: t("record.overview") }, ...tabs]}
            value={tab?.value ?? ""}
            onChange={(value) =>
              void navigate({
                to: ".",
                search: (known: RecordSearch) => ({ ...known, tab: value || undefined }),
                replace: true,
              })
            }
          />
        </div>
      )}
      <div className="page-scroll">
        {tab ? (
          tab.show(record)
        ) : (
          <div className="record">
            <div className="stack">
              {description && (
                <section className="card">
                  <header>
                    <h2>{t("record.description")}</h2>
                  </header>
                  <p className="body prose">{description}</p>
                </section>
              )}
              {kind.main?.(record)}
              {kind.noteable !== false && can(`${kind.resources}.note`) && (
                <Composer kind={kind} record={record} onWriting={setWriting} />
              )}
              {kind.history !== false && (
                <section className="card" aria-label={t("timeline.label")}>
                  <header>
                    <h2>{t("timeline.label")}</h2>
                  </header>
                  <div className="body">
                    <Timeline kind={kind} id={record.id} />
                  </div>
                </section>
              )}
            </div>
            <div className="stack">
              {kind.side?.(record)}
              <section className="card">
                <header>
                  <h2>{t("record.details")}</h2>
                </header>
                <div className="body">
                  <Facts kind={kind} record={record} />
                </div>
              </section>
            </div>
          </div>
        )}
      </div>
      {dialog}
      <Dialog opened={editing !== null} onClose={() => setEditing(null)} title={`${t("record.edit")}: ${nameOf(record)}`}>
        {editing && (
          <FieldsForm
            fields={withKnown(kind.edit ?? [], editing)}
            action={t("record.save")}
            cancel={() => setEditing(null)}
            submit={(values) => save(editing, values)}
          />
        )}
      </Dialog>
    </>
  );
}
