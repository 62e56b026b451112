import type { Incident, Schemas } from "@/api/client";
import { rightToLeft, t } from "@/i18n";
import { Chip, type Tone } from "@/ui/bits";
import type { IconName } from "@/ui/Icon";
import { at, lasting, seconds, useNow } from "@/ui/time";

type Clock = Schemas["Clock"];

const PRIORITY: Record<Incident["priority"], Tone> = {
  PRIORITY_UNSPECIFIED: "still",
  P1: "bad",
  P2: "hot",
  P3: "warn",
  P4: "calm",
  P5: "still",
};
export const PriorityChip = ({ priority }: { priority: Incident["priority"] }) => (
  <Chip tone={PRIORITY[priority]} title={t(`priority.${priority}`)}>
    {priority}
  </Chip>
);

/** The state of a record, in the color that it has for its kind. */
export const StateChip = ({
  tones,
  state,
  text,
  title,
}: {
  tones: Record<string, Tone>;
  state: string;
  text: string;
  title?: string;
}) => (
  <Chip tone={tones[state] ?? "still"} title={title}>
    {text}
  </Chip>
);

const GOING = new Set<Clock["state"]>(["RUNNING", "PAUSED"]);

/** The promise that matters now: the one that is due next, or waits. */
export function presentClock(clocks: readonly Clock[]): Clock | undefined {
  const going = clocks.filter(({ kind, state }) => GOING.has(state) && kind !== "NEXT_UPDATE");
  return going.sort((a, b) => (a.dueTime ?? "9").localeCompare(b.dueTime ?? "9"))[0];
}

export interface Reading {
  tone: Tone;
  icon: IconName;
  text: string;
}

/** A sign stays before its number though the page goes the other way. */
const MINUS = rightToLeft ? "\u200e−" : "−";

/** How a clock stands at an instant, by color, sign and text alike. */
export function read(clock: Clock, instant: number): Reading {
  if (clock.state === "CANCELLED") return { tone: "still", icon: "close", text: t("sla.cancelled") };
  if (clock.state === "STOPPED") {
    return clock.breached
      ? { tone: "bad", icon: "late", text: t("sla.missed") }
      : { tone: "good", icon: "check", text: t("sla.met") };
  }
  if (clock.state === "PAUSED") {
    const left = (seconds(clock.target) - seconds(clock.elapsed)) * 1000;
    return { tone: "still", icon: "pause", text: t("sla.paused", { left: (left < 0 ? MINUS : "") + lasting(left) }) };
  }
  const left = clock.dueTime ? Date.parse(clock.dueTime) - instant : 0;
  if (left < 0) return { tone: "bad", icon: "late", text: MINUS + lasting(left) };
  const warned = clock.warnTime ? Date.parse(clock.warnTime) <= instant : false;
  return { tone: warned ? "warn" : "still", icon: "clock", text: lasting(left) };
}

export function ClockChip({ clock, named = false }: { clock: Clock; named?: boolean }) {
  // One text for all of it, so that a row renders again only when something in it differs.
  const [tone, icon, text] = useNow((instant) => {
    const reading = read(clock, instant);
    return `${reading.tone}|${reading.icon}|${reading.text}`;
  }).split("|") as [Tone, IconName, string];
  return (
    <Chip
      tone={tone}
      icon={icon}
      title={clock.dueTime ? t("sla.due", { kind: t(`clock.${clock.kind}`), time: at(clock.dueTime) }) : undefined}
    >
      {named ? `${t(`clock.${clock.kind}`)}: ${text}` : text}
    </Chip>
  );
}

export function SlaChip({ clocks }: { clocks: readonly Clock[] }) {
  const clock = presentClock(clocks);
  if (clock !== undefined) return <ClockChip clock={clock} />;
  const missed = clocks.some(({ breached, kind }) => breached && kind === "RESOLVE");
  if (clocks.length === 0) return <span className="muted">–</span>;
  return missed ? (
    <Chip tone="bad" icon="late">
      {t("sla.missed")}
    </Chip>
  ) : (
    <Chip tone="good" icon="check">
      {t("sla.met")}
    </Chip>
  );
}
