import { locale, t } from "@/i18n";
import { Person } from "@/ui/people";
import { at, between, lasting } from "@/ui/time";
import type { Shift } from "./data";
import { DAYS, gaps, place, type Span, span, spanOf } from "./weeks";
import "./rota.css";

interface Props {
  shifts: readonly Shift[];
  /** What is done with a time that is pressed; without it nothing can be pressed. */
  onPick?: (time: Span, shift: Shift | null) => void;
}

const iso = (time: number) => new Date(time).toISOString();
const said = ({ start, end }: Span) => `${at(iso(start))} – ${at(iso(end))}`;

/** Two weeks of days, with who is on call as bars; the gaps between them are nobody's. */
export function Weeks({ shifts, onPick }: Props) {
  const whole = span();
  const days = Array.from({ length: DAYS }, (_, day) => new Date(whole.start + day * 86_400_000 + 43_200_000));
  const format = new Intl.DateTimeFormat(locale(), { weekday: "short", day: "numeric" });
  const people = [...new Set(shifts.map(({ userId }) => userId))];
  const bars = [
    ...shifts.map((shift) => ({ shift, time: spanOf(shift) })),
    ...gaps(shifts, whole).map((time) => ({ shift: null, time })),
  ].sort((one, other) => one.time.start - other.time.start);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways is reached by keyboard, too
    <section className="rota" aria-label={t("rota.calendar")} tabIndex={0}>
      <div className="rota-days" aria-hidden="true">
        {days.map((day) => (
          <span key={day.getTime()} data-weekend={day.getDay() % 6 === 0}>
            {format.format(day)}
          </span>
        ))}
      </div>
      <ol className="rota-bars">
        {bars.map(({ shift, time }) => {
          const from = place(time.start, whole);
          return (
            <li
              key={`${time.start} ${shift?.userId}`}
              data-hue={shift ? people.indexOf(shift.userId) % 4 : undefined}
              data-override={shift !== null && shift.overrideId !== ""}
              data-gap={shift === null}
              style={{ insetInlineStart: `${from}%`, inlineSize: `${place(time.end, whole) - from}%` }}
              title={said(time)}
            >
              {onPick && time.end > Date.now() ? (
                <button type="button" className="plain" onClick={() => onPick(time, shift)}>
                  <Bar shift={shift} time={time} />
                </button>
              ) : (
                <Bar shift={shift} time={time} />
              )}
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Bar({ shift, time }: { shift: Shift | null; time: Span }) {
  return (
    <>
      {shift ? <Person id={shift.userId} /> : <span className="visually-hidden">{t("rota.gap")}</span>}
      <span className="visually-hidden">
        {said(time)}
        {shift?.overrideId && ` ${t("rota.overrideTag")}`}
      </span>
    </>
  );
}

const SHOWN = 4;

/** When nobody will be on call, in words. */
export function Gaps({ shifts }: { shifts: readonly Shift[] }) {
  const { end } = span();
  const start = Date.now();
  const found = gaps(shifts, { start, end }).filter((time) => time.end > start);
  if (found.length === 0) return <p className="muted">{t("rota.noGaps")}</p>;
  const all = found.reduce((sum, time) => sum + time.end - time.start, 0);
  return (
    <div className="rota-gaps" role="status">
      <strong>{t("rota.gaps", { count: found.length, time: lasting(all) })}</strong>
      <ul>
        {found.slice(0, SHOWN).map((time) => (
          <li key={time.start}>
            {between(iso(time.start), iso(time.end))} <span className="muted">{lasting(time.end - time.start)}</span>
          </li>
        ))}
      </ul>
      {found.length > SHOWN && <span className="muted">{t("common.others", { count: found.length - SHOWN })}</span>}
    </div>
  );
}
