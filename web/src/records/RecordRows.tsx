import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { useSession } from "@/app/session";
import { useLive } from "@/live/live";
import { Problem } from "@/ui/bits";
import { StateChip } from "./chips";
import { listRecords } from "./data";
import { type DeskRecord, nameOf } from "./kind";
import { RecordLink } from "./RecordLink";
import { STATE_TONES, stateText } from "./states";
import "@/styles/desk.css";

const MOST = 100;

/** Records that match, read anew as soon as one of their kind changes. */
export function useRows<R extends DeskRecord>(resources: string, filter: string, orderBy = "", enabled = true) {
  const client = useQueryClient();
  const { can } = useSession();
  const { hear } = useLive();
  useEffect(
    () => hear(resources, () => void client.invalidateQueries({ queryKey: [resources, "rows"] })),
    [client, hear, resources],
  );
  return useQuery({
    queryKey: [resources, "rows", filter, orderBy],
    enabled: enabled && can(`${resources}.list`),
    queryFn: async () => (await listRecords<R>(resources, filter, orderBy, "", MOST)).items,
  });
}

interface RowsProps<R extends DeskRecord> {
  resources: string;
  records: readonly R[];
  label: string;
  /** Shown behind the title of each. */
  end?: (record: R) => ReactNode;
}

/** A few records in a card: number, title, state. */
export function Rows<R extends DeskRecord>({ resources, records, label, end }: RowsProps<R>) {
  return (
    <ul className="rows" aria-label={label}>
      {records.map((record) => (
        <li key={record.id}>
          <RecordLink resources={resources} id={nameOf(record)}>
            {nameOf(record)}
          </RecordLink>
          <span className="clip grow" title={record.title}>
            {record.title}
          </span>
          <StateChip tones={STATE_TONES} state={record.state} text={stateText(record.state)} />
          {end?.(record)}
        </li>
      ))}
    </ul>
  );
}

interface Props<R extends DeskRecord> extends Omit<RowsProps<R>, "records"> {
  filter: string;
  orderBy?: string;
  /** Said where none matches. */
  none: string;
}

/** The records that match, in a card. */
export function RecordRows<R extends DeskRecord>({ filter, orderBy, none, ...rest }: Props<R>) {
  const query = useRows<R>(rest.resources, filter, orderBy);
  if (query.isError) return <Problem error={query.error} retry={() => void query.refetch()} />;
  if (query.isPending) return <div className="skeleton" style={{ inlineSize: "60%" }} />;
  if (query.data.length === 0) return <p className="muted">{none}</p>;
  return <Rows {...rest} records={query.data} />;
}

/** A card of a record's page. */
export function Card({ title, action, children }: { title: string; action?: ReactNode; children: ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {action && <span className="end">{action}</span>}
      </header>
      <div className="body">{children}</div>
    </section>
  );
}
