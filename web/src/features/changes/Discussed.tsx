import { Button } from "@mantine/core";
import { type FormEvent, useId, useState } from "react";
import { t } from "@/i18n";
import { newer } from "@/live/apply";
import { ApprovalCard, RiskChip } from "@/records/Approval";
import { RecordLink } from "@/records/RecordLink";
import { Card } from "@/records/RecordRows";
import { Chip } from "@/ui/bits";
import { Views } from "@/ui/filters";
import { Field, TextArea } from "@/ui/form";
import { Person } from "@/ui/people";
import { between } from "@/ui/time";
import { ADVICE, Spent } from "./Agenda";
import type { Item, Meeting, Talk } from "./cab";
import { Plans } from "./cards";
import { Conflicts } from "./checks";
import type { Change } from "./kind";

const ADVICES = ["APPROVE", "REJECT", "DEFER"] as const;

interface Props {
  change: Change | undefined;
  item: Item | undefined;
  talk: Talk;
  able: boolean;
  decide: (item: Item) => Promise<boolean>;
}

/** The change that is talked about, and what the board recommends. */
export function Discussed({ change, item, talk, able, decide }: Props) {
  if (change === undefined || item === undefined) return <p className="muted">{t("cab.choose")}</p>;
  return (
    <>
      <Card
        title={`${change.number} ${change.title}`}
        action={
          <span className="line">
            <RiskChip risk={change.risk} />
            <Spent talk={talk} id={change.id} />
          </span>
        }
      >
        <div className="stack">
          <div className="line wrap muted">
            <RecordLink resources="changes" id={change.number}>
              {change.number}
            </RecordLink>
            <span>{between(change.startTime, change.endTime)}</span>
            <Person id={change.implementerId} lone={t("record.nobody")} />
          </div>
          {change.description && <p className="prose">{change.description}</p>}
          {able ? (
            <Decision item={item} decide={decide} />
          ) : (
            <div className="stack">
              <div>
                <Chip tone={ADVICE[item.advice]}>{t(`cab.advice.${item.advice}`)}</Chip>
              </div>
              {item.minutes && <p className="note prose">{item.minutes}</p>}
            </div>
          )}
        </div>
      </Card>
      <ApprovalCard subject={`changes/${change.id}`} />
      <Conflicts change={change} />
      <Plans change={change} />
    </>
  );
}

function Decision({ item, decide }: { item: Item; decide: Props["decide"] }) {
  const [advice, setAdvice] = useState<Item["advice"]>(item.advice === "OPEN" ? "APPROVE" : item.advice);
  const [minutes, setMinutes] = useState(item.minutes);
  const [busy, setBusy] = useState(false);
  const missing = advice === "REJECT" && minutes.trim() === "";
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    await decide({ ...item, advice, minutes: minutes.trim() });
    setBusy(false);
  };
  return (
    <form className="stack decision" onSubmit={(event) => void submit(event)}>
      <div className="line wrap">
        <strong>{t("cab.decide")}</strong>
        <Views
          label={t("cab.decide")}
          views={ADVICES.map((value) => ({ value, label: t(`cab.advice.${value}`) }))}
          value={advice}
          onChange={(value) => setAdvice(value as Item["advice"])}
        />
      </div>
      <Field label={t("cab.note")} hint={missing ? t("cab.noteNeeded") : undefined}>
        <TextArea value={minutes} onChange={setMinutes} required={advice === "REJECT"} />
      </Field>
      <div className="line wrap">
        <Button type="submit" size="xs" loading={busy} disabled={missing}>
          {t("record.save")}
        </Button>
        <span className="muted">{t("cab.yours")}</span>
      </div>
    </form>
  );
}

/** What was said beside the changes. */
export function Minutes({
  meeting,
  able,
  save,
}: {
  meeting: Meeting;
  able: boolean;
  save: (from: Meeting, minutes: string) => Promise<Meeting | null>;
}) {
  const [from, setFrom] = useState(meeting); // as it was when writing began
  const [text, setText] = useState(meeting.minutes);
  if (text === from.minutes && newer(meeting, from)) {
    setFrom(meeting);
    setText(meeting.minutes);
  }
  const write = async () => {
    const saved = await save(from, text);
    if (saved === null) return;
    setFrom(saved);
    setText((known) => (known === text ? saved.minutes : known));
  };
  const box = useId();
  return (
    <Card title={t("cab.minutes")}>
      <div className="stack">
        <div className="line wrap">
          <span className="muted">{t("cab.who")}</span>
          {meeting.attendeeIds.map((id) => (
            <Person key={id} id={id} />
          ))}
        </div>
        {able ? (
          <>
            <label htmlFor={box} className="muted">
              {t("cab.minutesHint")}
            </label>
            <textarea id={box} className="area" value={text} onChange={({ currentTarget }) => setText(currentTarget.value)} />
            <div>
              <Button size="xs" variant="default" disabled={text === from.minutes} onClick={() => void write()}>
                {t("cab.saveMinutes")}
              </Button>
            </div>
          </>
        ) : (
          meeting.minutes && <p className="prose">{meeting.minutes}</p>
        )}
      </div>
    </Card>
  );
}
