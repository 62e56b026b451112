import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ask, type Incident, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useLive } from "@/live/live";
import { useRecord } from "@/records/data";
import { Card, RecordRows, useRows } from "@/records/RecordRows";
import { Ago } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { TextFilter } from "@/ui/filters";
import { toast, toastProblem } from "@/ui/toasts";

type Major = Schemas["Major"];

const OPEN = new Set(["CANDIDATE", "DECLARED"]);
const EARLIER_MS = 60 * 60_000;

/** Incidents that belong to it, and those that may. */
export function Children({ major }: { major: Major }) {
  const { can } = useSession();
  const client = useQueryClient();
  const { hear } = useLive();
  const [opened, setOpened] = useState(false);
  const target = `incidents/${major.incidentId}`;
  const counted = useQuery({
    queryKey: ["incidents", "children", major.incidentId],
    queryFn: () => ask<{ total: number; open: number }>("GET", `incidents/${major.incidentId}:children`),
  });
  useEffect(
    () => hear("incidents", () => void client.invalidateQueries({ queryKey: ["incidents", "children"] })),
    [client, hear],
  );
  const { total = 0, open = 0 } = counted.data ?? {};
  return (
    <Card
      title={t("major.children")}
      action={
        OPEN.has(major.state) &&
        can("majors.link") && (
          <Button size="compact-xs" variant="subtle" onClick={() => setOpened(true)}>
            {t("major.offer")}
          </Button>
        )
      }
    >
      {total > 0 && <p className="muted">{t("major.childrenOf", { count: total, open })}</p>}
      <RecordRows
        resources="incidents"
        label={t("major.children")}
        filter={`links.target = ${quoted(target)} AND links.kind = PARENT`}
        none={t("major.noChildren")}
      />
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("major.offer")} size="wide">
        <Offer major={major} close={() => setOpened(false)} />
      </Dialog>
    </Card>
  );
}

/** Open incidents that were reported since it began and belong to nothing. */
function Offer({ major, close }: { major: Major; close: () => void }) {
  const { data: incident } = useRecord<Incident>("incidents", major.incidentId);
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const since = new Date(Date.parse(incident?.createTime ?? major.createTime ?? "") - EARLIER_MS).toISOString();
  const filter = [
    "state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)",
    `createTime >= ${quoted(since)}`,
    `NOT id = ${quoted(major.incidentId)}`,
    "NOT links.kind = PARENT",
    text && `title:${quoted(text)}`,
  ]
    .filter(Boolean)
    .join(" AND ");
  const query = useRows<Incident>("incidents", filter, "createTime desc", incident !== undefined);
  const incidents = query.data ?? [];
  const link = (body: object) =>
    void ask<{ wanted: number }>("POST", `majors/${major.id}:linkChildren`, { body }).then(({ wanted }) => {
      toast(t("major.linked", { count: wanted }));
      close();
    }, toastProblem);
  const turn = (id: string) =>
    setChosen((known) => {
      const next = new Set(known);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <div className="stack">
      <p className="muted">{t("major.offered")}</p>
      <div className="line">
        <TextFilter label={t("major.search")} value={text} onChange={setText} />
      </div>
      {query.isSuccess && incidents.length === 0 && <p className="muted">{t("major.noOffered")}</p>}
      <ul className="rows" aria-label={t("major.offer")}>
        {incidents.map((each) => (
          <li key={each.id}>
            <label className="line grow">
              <input
                type="checkbox"
                aria-label={t("major.chooseOne", { number: each.number })}
                checked={chosen.has(each.id)}
                onChange={() => turn(each.id)}
              />
              <span className="nowrap">{each.number}</span>
              <span className="clip grow">{each.title}</span>
            </label>
            <Ago time={each.createTime} />
          </li>
        ))}
      </ul>
      <div className="line wrap">
        <Button disabled={chosen.size === 0} onClick={() => link({ incidentIds: [...chosen] })}>
          {chosen.size === 0 ? t("major.linkNone") : t("major.linkChosen", { count: chosen.size })}
        </Button>
        <Button variant="default" disabled={incidents.length === 0} onClick={() => link({ filter })}>
          {t("major.linkAll")}
        </Button>
      </div>
    </div>
  );
}
