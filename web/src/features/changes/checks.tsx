import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { AnyLink } from "@/records/AnyLink";
import { reason } from "@/records/common";
import { FieldsForm } from "@/records/FieldsForm";
import { AssetLinks } from "@/records/RecordLink";
import { Card } from "@/records/RecordRows";
import { useAssetName } from "@/ui/assets";
import { Chip, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { toast } from "@/ui/toasts";

type Change = Schemas["Change"];

const OVER = new Set(["REVIEW", "CLOSED", "CANCELLED"]);
const GATED = new Set(["SCHEDULED", "IMPLEMENT", "AUTHORIZE"]);

/** What stands against a change in its window, as the service sees it now. */
export function useConflicts(change: Change) {
  return useQuery({
    // Another window or other assets have other conflicts.
    queryKey: ["changes", "conflicts", change.id, change.etag],
    enabled: change.startTime !== undefined && !OVER.has(change.state),
    queryFn: () => ask<Schemas["ListConflictsResponse"]>("GET", `changes/${change.id}:conflicts`),
  });
}

export function Conflicts({ change }: { change: Change }) {
  const { can } = useSession();
  const client = useQueryClient();
  const query = useConflicts(change);
  const [opened, setOpened] = useState(false);
  if (OVER.has(change.state)) return null;
  const conflicts = query.data?.conflicts ?? [];
  const tight = conflicts.some(({ kind }) => kind === "REDUNDANCY_USED_UP") && can("changes.acceptMargin");
  return (
    <Card
      title={t("change.conflicts")}
      action={
        tight && (
          <Button size="compact-xs" variant="subtle" onClick={() => setOpened(true)}>
            {t("change.accept")}
          </Button>
        )
      }
    >
      {change.startTime === undefined && <p className="muted">{t("change.noWindow")}</p>}
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isSuccess && conflicts.length === 0 && (
        <Chip tone="good" icon="check">
          {t("change.free")}
        </Chip>
      )}
      <ul className="rows wrapping" aria-label={t("change.conflicts")}>
        {conflicts.map((conflict) => (
          <Line key={`${conflict.kind}${conflict.target}${conflict.assetId}${conflict.text}`} conflict={conflict} />
        ))}
      </ul>
      <Dialog opened={opened} onClose={() => setOpened(false)} title={t("change.accept")}>
        <FieldsForm
          fields={[reason]}
          action={t("change.accept")}
          cancel={() => setOpened(false)}
          submit={async (values) => {
            await ask("POST", `changes/${change.id}:acceptMargin`, { body: values });
            void client.invalidateQueries({ queryKey: ["changes", "conflicts", change.id] });
            toast(t("change.accepted"));
            setOpened(false);
          }}
        />
      </Dialog>
    </Card>
  );
}

/** One of them; the asset goes by its name. */
function Line({ conflict }: { conflict: Schemas["Conflict"] }) {
  const name = useAssetName(conflict.assetId);
  return (
    <li>
      <Chip tone={conflict.blocks ? "bad" : "warn"} icon={conflict.blocks ? "silent" : "late"}>
        {t(`change.conflictKind.${conflict.kind}`)}
      </Chip>
      <span className="grow">
        {name ? conflict.text.replaceAll(conflict.assetId, name) : conflict.text}
        {conflict.blocks && <span className="muted"> · {t("change.blocks")}</span>}
      </span>
      {conflict.assetId && <AssetLinks ids={[conflict.assetId]} />}
      {conflict.target.startsWith("changes/") && <AnyLink target={conflict.target} />}
    </li>
  );
}

/** What a pipeline is told that asks whether it may go on. */
export function Gate({ change }: { change: Change }) {
  const query = useQuery({
    queryKey: ["changes", "gate", change.id, change.etag],
    enabled: GATED.has(change.state),
    queryFn: () => ask<Schemas["ChangeGate"]>("GET", `changes/${change.id}:gate`),
  });
  if (!GATED.has(change.state) || query.data === undefined) return null;
  const { open, pending, reasons } = query.data;
  return (
    <Card title={t("change.gate")}>
      <div className="stack">
        <div>
          <Chip tone={open ? "good" : pending ? "warn" : "bad"} icon={open ? "check" : pending ? "clock" : "close"}>
            {t(open ? "change.gateOpen" : pending ? "change.gateWait" : "change.gateNever")}
          </Chip>
        </div>
        {reasons.length > 0 && (
          <ul className="steps">
            {reasons.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        )}
        <span className="muted">{t("change.gateCli")}</span>
        <code className="code">itsm chg gate {change.number} --wait --start</code>
      </div>
    </Card>
  );
}
