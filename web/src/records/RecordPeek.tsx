import { Button } from "@mantine/core";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Facts } from "./Facts";
import { type DeskRecord, type Kind, nameOf, offered, titleOf, verbsOf } from "./kind";
import { RecordLink } from "./RecordLink";
import { Timeline } from "./Timeline";
import type { Act } from "./useVerbs";

interface Props<R extends DeskRecord> {
  kind: Kind<R>;
  record: R;
  act: Act<R>;
}

/** A record beside the list that it is in. */
export function RecordPeek<R extends DeskRecord>({ kind, record, act }: Props<R>) {
  const { can } = useSession();
  const verbs = offered(verbsOf(kind, record, can)).first;
  const description = (record as { description?: string }).description;
  return (
    <>
      <div className="line wrap peek-names">
        <RecordLink resources={kind.resources} id={nameOf(record)}>
          {nameOf(record)}
        </RecordLink>
        {kind.chips(record)}
      </div>
      <h2>{titleOf(record)}</h2>
      {verbs.length > 0 && (
        <div className="line wrap">
          {verbs.map((verb, index) => (
            <Button key={verb.id} size="xs" variant={index === 0 ? "filled" : "default"} onClick={() => act(verb.id, [record])}>
              {verb.label}
            </Button>
          ))}
        </div>
      )}
      {description && <p className="prose">{description}</p>}
      <Facts kind={kind} record={record} />
      {kind.history !== false && (
        <>
          <h2>{t("record.latest")}</h2>
          <Timeline kind={kind} id={record.id} few />
        </>
      )}
    </>
  );
}
