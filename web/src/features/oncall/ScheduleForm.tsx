import { useParams } from "@tanstack/react-router";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useRecord } from "@/records/data";
import type { Content } from "@/records/schema/forms";
import { RefPick } from "@/records/schema/RefPick";
import { useWriting } from "@/records/useWriting";
import { Loading, Problem } from "@/ui/bits";
import { Field, TextArea, TextInput } from "@/ui/form";
import { useSettled } from "@/ui/useSettled";
import { type Schedule, useHearing, usePreview } from "./data";
import { Layers } from "./Layers";
import { Gaps, Weeks } from "./Weeks";
import { Writing } from "./Writing";
import { newLayer } from "./weeks";

type Written = Pick<Schedule, "name" | "description" | "teamId" | "timeZone" | "layers">;

const SETTLED_MS = 300;
const LABELS = {
  name: "rota.name",
  description: "record.description",
  teamId: "record.team",
  timeZone: "rota.zone",
  layers: "rota.layers",
} as const;

/** What of a schedule is written here. */
export const contentOf = (schedule: Content): Content => ({
  name: schedule.name ?? "",
  description: schedule.description ?? "",
  teamId: schedule.teamId ?? "",
  timeZone: schedule.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
  layers: schedule.layers ?? [newLayer()],
});

/** One schedule is changed, or a new one made, and what becomes of it is shown before it is saved. */
export function ScheduleForm() {
  const { id = "" } = useParams({ strict: false }) as { id?: string };
  const fresh = id === "new";
  useHearing();
  const query = useRecord<Schedule>("schedules", fresh ? "" : id);
  if (!fresh && query.isPending) return <Loading />;
  if (query.isError) {
    return (
      <div className="page-scroll">
        <h1>{t("rota.title")}</h1>
        <Problem error={query.error} retry={() => void query.refetch()} />
      </div>
    );
  }
  return <Page key={id} schedule={query.data ?? null} />;
}

function Page({ schedule }: { schedule: Schedule | null }) {
  const { can } = useSession();
  const writing = useWriting({ resources: "schedules", record: schedule as Content | null, contentOf });
  const content = writing.content as unknown as Written;
  const put = (part: Partial<Written>) => writing.setContent((known) => ({ ...known, ...part }));
  const { wrong } = writing;
  const title = schedule === null ? t("rota.newSchedule") : schedule.name;
  return (
    <Writing
      resources="schedules"
      title={title}
      fresh={schedule === null}
      writing={writing}
      labelOf={(name) => t(LABELS[name as keyof typeof LABELS])}
      shown={(_, value) => (Array.isArray(value) ? t("rota.layersOf", { count: value.length }) : String(value))}
      beside={<Preview content={content} id={schedule?.id} />}
    >
      <section className="card">
        <div className="pair">
          <Field label={t("rota.name")} error={wrong("/name")}>
            <TextInput required data-autofocus value={content.name} onChange={(name) => put({ name })} />
          </Field>
          <Field label={t("rota.zone")} hint={t("rota.zoneHint")} error={wrong("/timeZone")}>
            <TextInput required list="zones" value={content.timeZone} onChange={(timeZone) => put({ timeZone })} />
          </Field>
          <datalist id="zones">
            {Intl.supportedValuesOf("timeZone").map((zone) => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
          {can("teams.list") && (
            <Field label={t("record.team")} error={wrong("/teamId")}>
              <RefPick
                of="teams"
                label={t("record.team")}
                value={content.teamId ? [content.teamId] : []}
                onChange={([teamId]) => put({ teamId: teamId ?? "" })}
              />
            </Field>
          )}
          <Field label={t("record.description")} error={wrong("/description")}>
            <TextArea value={content.description} onChange={(description) => put({ description })} />
          </Field>
        </div>
      </section>
      <section className="card">
        <div className="body rota-layers">
          <Layers layers={content.layers} onChange={(layers) => put({ layers })} wrong={wrong} />
        </div>
      </section>
    </Writing>
  );
}

/** What the server makes of what is written so far. */
function Preview({ content, id }: { content: Written; id: string | undefined }) {
  const decides = JSON.stringify({ name: t("rota.preview"), timeZone: content.timeZone, layers: content.layers });
  const asked = JSON.parse(useSettled(decides, SETTLED_MS)) as Written;
  const ready = asked.timeZone !== "" && asked.layers.every(({ userIds, start }) => userIds.length > 0 && start !== "");
  const { data, error } = usePreview(asked, id, ready);
  return (
    <section className="card" aria-labelledby="preview">
      <header>
        <h2 id="preview">{t("rota.preview")}</h2>
      </header>
      <div className="body stack">
        {!ready && <p className="muted">{t("rota.previewWaits")}</p>}
        {ready && error && <Problem error={error} />}
        {ready && !error && data && (
          <>
            <Weeks shifts={data} />
            <Gaps shifts={data} />
          </>
        )}
      </div>
    </section>
  );
}
