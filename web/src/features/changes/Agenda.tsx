import { t } from "@/i18n";
import { RiskChip } from "@/records/Approval";
import { Chip, type Tone } from "@/ui/bits";
import { Icon } from "@/ui/Icon";
import { lasting, useNow } from "@/ui/time";
import { type Item, spentOn, type Talk } from "./cab";
import type { Change } from "./kind";

export const ADVICE: Record<Item["advice"], Tone> = {
  ADVICE_UNSPECIFIED: "still",
  OPEN: "still",
  APPROVE: "good",
  REJECT: "bad",
  DEFER: "warn",
};

interface Props {
  items: readonly Item[];
  changes: readonly Change[];
  current: string;
  talk: Talk;
  able: boolean;
  choose: (id: string) => void;
  promote: (id: string, number: string) => void;
}

/** What is talked about, in this order. */
export function Agenda({ items, changes, current, talk, able, choose, promote }: Props) {
  const at = items.findIndex(({ changeId }) => changeId === current);
  return (
    <section className="card" aria-label={t("cab.agenda")}>
      <header>
        <h2>{t("cab.agenda")}</h2>
        <span className="end muted">{t("cab.items", { count: items.length })}</span>
      </header>
      <ol className="agenda">
        {items.map(({ changeId, advice }, index) => {
          const change = changes.find(({ id }) => id === changeId);
          return (
            <li key={changeId} data-current={changeId === current || undefined}>
              <button
                type="button"
                className="plain"
                aria-current={changeId === current ? "true" : undefined}
                onClick={() => choose(changeId)}
              >
                <span className="line">
                  <strong>{change?.number ?? changeId}</strong>
                  {change && <RiskChip risk={change.risk} />}
                  <Chip tone={ADVICE[advice]}>{t(`cab.advice.${advice}`)}</Chip>
                </span>
                <span className="clip">{change?.title}</span>
                <Spent talk={talk} id={changeId} />
              </button>
              {able && index > at + 1 && (
                <button
                  type="button"
                  className="sign"
                  aria-label={t("cab.promote", { number: change?.number ?? changeId })}
                  title={t("cab.promote", { number: change?.number ?? changeId })}
                  onClick={() => promote(changeId, change?.number ?? changeId)}
                >
                  <Icon name="up" />
                </button>
              )}
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** How long was talked about a change. */
export function Spent({ talk, id }: { talk: Talk; id: string }) {
  const seconds = useNow((instant) => Math.floor(spentOn(talk, id, instant) / 1000));
  if (seconds === 0 && talk.current !== id) return null;
  return (
    <span className="muted line">
      <Icon name="clock" /> {lasting(seconds * 1000)}
    </span>
  );
}
