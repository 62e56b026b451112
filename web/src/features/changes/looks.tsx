import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { locale, t } from "@/i18n";
import { addressOf } from "@/records/RecordLink";
import { STATE_TONES, stateText } from "@/records/states";
import { Chip } from "@/ui/bits";
import { Icon } from "@/ui/Icon";
import { onDay, placed, type Span } from "./calendar";

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const SHOWN = 4;
const MORNING = 7 / 24;

const isSame = (one: Date, other: Date) => one.toDateString() === other.toDateString();
const clock = (instant: number) => new Intl.DateTimeFormat(locale(), { timeStyle: "short" }).format(instant);
const full = (instant: number) =>
  new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(instant);

/** What is to be known of it beside its time. */
const marks = (span: Span) => [
  ...(span.collides.length > 0 ? [t("calendar.collides", { with: span.collides.join(", ") })] : []),
  ...span.blackouts.map((title) => t("calendar.inBlackout", { title })),
];

const described = (span: Span) =>
  [
    `${span.number} ${span.title}`.trim(),
    `${full(span.start)} – ${full(span.end)}`,
    span.state && stateText(span.state),
    ...marks(span),
  ]
    .filter(Boolean)
    .join("\n");

/** A change or a release in the calendar; it leads to its page. */
function Entry({ span, style }: { span: Span; style?: React.CSSProperties }) {
  const collides = marks(span).length > 0;
  return (
    <Link
      {...addressOf(span.kind === "release" ? "releases" : "changes", span.number)}
      className="span"
      data-kind={span.kind}
      data-tone={STATE_TONES[span.state] ?? "still"}
      data-collides={collides || undefined}
      title={described(span)}
      style={style}
    >
      <span className="line clip">
        {collides && <Icon name="late" />}
        <span className="nowrap">{clock(span.start)}</span>
        <strong>{span.number}</strong>
      </span>
      <span className="clip">{span.title}</span>
      {collides && <span className="visually-hidden">{marks(span).join(", ")}</span>}
    </Link>
  );
}

/** Seven days, hour by hour. */
export function Week({ days, spans, today }: { days: readonly Date[]; spans: readonly Span[]; today: Date }) {
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    const element = place.current;
    if (element) element.scrollTop = element.scrollHeight * MORNING;
  }, []);
  const head = new Intl.DateTimeFormat(locale(), { weekday: "short", day: "numeric", month: "short" });
  const hours = new Intl.DateTimeFormat(locale(), { hour: "numeric" });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
    <section className="page-scroll calendar" aria-label={t("calendar.week")} ref={place} tabIndex={0}>
      <div className="week">
        <div className="hours" aria-hidden="true">
          {HOURS.map((hour) => (
            <span key={hour}>{hour === 0 ? "" : hours.format(new Date(2000, 0, 1, hour))}</span>
          ))}
        </div>
        {days.map((day) => {
          const all = placed(
            spans.filter(({ kind }) => kind !== "blackout"),
            day,
          );
          const frozen = placed(
            spans.filter(({ kind }) => kind === "blackout"),
            day,
          );
          return (
            <section
              key={day.toISOString()}
              className="day"
              data-today={isSame(day, today) || undefined}
              aria-label={head.format(day)}
            >
              <h2>{head.format(day)}</h2>
              <div className="track">
                {frozen.map(({ span, from, to }) => (
                  <div
                    key={span.id}
                    className="frozen"
                    title={described(span)}
                    style={{ insetBlockStart: `${from * 100}%`, blockSize: `${(to - from) * 100}%` }}
                  >
                    <span>
                      {t("calendar.blackout")}: {span.title}
                    </span>
                  </div>
                ))}
                {all.map(({ span, from, to, lane, lanes }) => (
                  <Entry
                    key={span.id}
                    span={span}
                    style={{
                      insetBlockStart: `${from * 100}%`,
                      blockSize: `${(to - from) * 100}%`,
                      insetInlineStart: `${(lane / lanes) * 100}%`,
                      inlineSize: `${100 / lanes}%`,
                    }}
                  />
                ))}
              </div>
            </section>
          );
        })}
      </div>
    </section>
  );
}

/** Whole weeks, day by day. */
export function Month({
  days,
  spans,
  month,
  today,
}: {
  days: readonly Date[];
  spans: readonly Span[];
  month: number;
  today: Date;
}) {
  const long = new Intl.DateTimeFormat(locale(), { weekday: "short", day: "numeric", month: "short" });
  return (
    <section className="page-scroll calendar" aria-label={t("calendar.month")}>
      <div className="month">
        {days.map((day) => {
          const here = onDay(spans, day);
          const frozen = here.filter(({ kind }) => kind === "blackout");
          const planned = here.filter(({ kind }) => kind !== "blackout");
          return (
            <section
              key={day.toISOString()}
              className="cell-day"
              data-other={day.getMonth() !== month || undefined}
              data-frozen={frozen.length > 0 || undefined}
              data-empty={here.length === 0 || undefined}
              data-today={isSame(day, today) || undefined}
              aria-label={long.format(day)}
            >
              <h2>
                <span className="narrow-only">{long.format(day)}</span>
                <span className="wide-only">{day.getDate()}</span>
              </h2>
              {frozen.map((span) => (
                <span key={span.id} className="frozen-name clip" title={described(span)}>
                  {t("calendar.blackout")}: {span.title}
                </span>
              ))}
              {planned.slice(0, SHOWN).map((span) => (
                <Entry key={span.id} span={span} />
              ))}
              {planned.length > SHOWN && <span className="muted">{t("calendar.more", { count: planned.length - SHOWN })}</span>}
            </section>
          );
        })}
      </div>
    </section>
  );
}

/** The same as a table. */
export function Table({ spans }: { spans: readonly Span[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
    <section className="page-scroll" aria-label={t("calendar.table")} tabIndex={0}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{t("calendar.what")}</th>
            <th scope="col">{t("calendar.from")}</th>
            <th scope="col">{t("calendar.until")}</th>
            <th scope="col">{t("record.state")}</th>
            <th scope="col">{t("calendar.marks")}</th>
          </tr>
        </thead>
        <tbody>
          {spans.map((span) => (
            <tr key={span.id}>
              <td>
                {span.kind === "blackout" ? (
                  <span className="line">
                    <Chip tone="still" icon="silent">
                      {t("calendar.blackout")}
                    </Chip>
                    {span.title}
                  </span>
                ) : (
                  <Link {...addressOf(span.kind === "release" ? "releases" : "changes", span.number)}>
                    {span.number} {span.title}
                  </Link>
                )}
              </td>
              <td>{full(span.start)}</td>
              <td>{full(span.end)}</td>
              <td>{span.state ? <Chip tone={STATE_TONES[span.state] ?? "still"}>{stateText(span.state)}</Chip> : "–"}</td>
              <td>
                {marks(span).map((mark) => (
                  <Chip key={mark} tone="bad" icon="late">
                    {mark}
                  </Chip>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
