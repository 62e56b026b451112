import { type PointerEvent, type ReactNode, type RefObject, useEffect, useId, useRef, useState } from "react";
import { locale, rightToLeft, t } from "@/i18n";
import { useForm } from "./Figure";
import { scaleTo, segments, shade } from "./scale";

interface Line {
  name: string;
  /** One for each day; null where nothing is known. */
  values: readonly (number | null)[];
}

const USUAL_WIDTH = 640;
const LEAST_WIDTH = 240;
const HEIGHT = 200;
/** Beside the drawing, where the writing begins and where it ends. */
const START = 34;
const END = 6;
const TOP = 10;
const BOTTOM = 22;
const LABELS = 6;

const dayOf = (day: string, long = false) =>
  new Intl.DateTimeFormat(locale(), {
    day: "numeric",
    month: "short",
    timeZone: "UTC",
    ...(long ? { weekday: "short" } : {}),
  }).format(new Date(day));
const usual = (value: number) => new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(value);

/** How wide something is drawn, so that its texts keep their size. */
function useWidth(): [RefObject<SVGSVGElement | null>, number] {
  const place = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(USUAL_WIDTH);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the drawing comes and goes with the form
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(Math.max(LEAST_WIDTH, element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [place.current]);
  return [place, width];
}

/** Values over days. */
export function Lines({
  days,
  lines,
  unit,
  most,
  area = false,
  write = usual,
  link,
  onPick,
}: {
  days: readonly string[];
  lines: readonly Line[];
  unit: string;
  most?: number;
  area?: boolean;
  write?: (value: number) => string;
  /** Leads to what stands behind a value: the line's number, the day, and the text of the link. */
  link?: (line: number, day: string, text: string) => ReactNode;
  /** Somebody chose a day in the drawing. */
  onPick?: (day: string) => void;
}) {
  const written = (value: number | null | undefined) => (value === null || value === undefined ? "–" : write(value));
  const form = useForm();
  const title = useId();
  const [at, setAt] = useState<number | null>(null);
  const [place, width] = useWidth();
  if (form === "table") {
    return (
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{unit}</th>
            {lines.map(({ name }) => (
              <th key={name} scope="col" className="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {days.map((day, index) => (
            <tr key={day}>
              <th scope="row">{dayOf(day, true)}</th>
              {lines.map(({ name, values }, line) => (
                <td key={name} className="number">
                  {link && values[index] ? link(line, day, written(values[index])) : written(values[index])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    );
  }
  if (lines.every(({ values }) => values.every((value) => value === null)))
    return <p className="muted nothing">{t("common.noData")}</p>;
  const { ticks, top } = scaleTo(most ?? Math.max(1, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0))));
  // The days go as the writing does; the anchors of the texts do so by themselves.
  const along = (place: number) => (rightToLeft ? width - place : place);
  const x = (index: number) => along(START + (index / Math.max(1, days.length - 1)) * (width - START - END));
  const y = (value: number) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const every = Math.max(1, Math.ceil(days.length / LABELS));
  const onPointerMove = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const pointed = along(((event.clientX - box.x) / box.width) * width);
    const index = Math.round(((pointed - START) / (width - START - END)) * (days.length - 1));
    setAt(Math.min(days.length - 1, Math.max(0, index)));
  };
  const color = shade;
  return (
    <>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the rows of the same numbers have links */}
      <svg
        ref={place}
        className="chart"
        data-pick={onPick !== undefined}
        viewBox={`0 0 ${width} ${HEIGHT}`}
        role="img"
        aria-labelledby={title}
        onPointerMove={onPointerMove}
        onPointerLeave={() => setAt(null)}
        onClick={() => {
          if (at !== null) onPick?.(days[at] ?? "");
        }}
      >
        <title id={title}>{lines.map(({ name }) => name).join(", ")}</title>
        {ticks.map((tick) => (
          <g key={tick}>
            <line x1={along(START)} x2={along(width - END)} y1={y(tick)} y2={y(tick)} stroke="var(--line)" />
            <text x={along(START - 8)} y={y(tick) + 4} textAnchor="end">
              {written(tick)}
            </text>
          </g>
        ))}
        {days.map((day, index) =>
          index % every === 0 ? (
            <text key={day} x={x(index)} y={HEIGHT - 5} textAnchor={index === 0 ? "start" : "middle"}>
              {dayOf(day)}
            </text>
          ) : null,
        )}
        {at !== null && <line x1={x(at)} x2={x(at)} y1={TOP} y2={HEIGHT - BOTTOM} stroke="var(--line-strong)" />}
        {lines.map(({ name, values }, index) =>
          segments(values).map((segment) => {
            const first = segment[0] as [number, number];
            const last = segment[segment.length - 1] as [number, number];
            const points = segment.map(([day, value]) => `${x(day)} ${y(value)}`).join("L");
            return (
              <g key={`${name}${first[0]}`}>
                {area && (
                  <path d={`M${x(first[0])} ${y(0)}L${points}L${x(last[0])} ${y(0)}Z`} fill={color(index)} opacity="0.14" />
                )}
                {segment.length === 1 ? (
                  <circle cx={x(first[0])} cy={y(first[1])} r="2.5" fill={color(index)} />
                ) : (
                  <path d={`M${points}`} fill="none" stroke={color(index)} strokeWidth="2" strokeLinejoin="round" />
                )}
              </g>
            );
          }),
        )}
        {at !== null &&
          lines.map(({ name, values }, index) => {
            const value = values[at];
            return value === null || value === undefined ? null : (
              <circle key={name} cx={x(at)} cy={y(value)} r="4" fill={color(index)} stroke="var(--surface)" strokeWidth="2" />
            );
          })}
      </svg>
      <ul className="legend">
        {lines.map(({ name, values }, index) => (
          <li key={name} style={{ "--swatch": color(index) } as React.CSSProperties}>
            {name}
            {at !== null && <strong> {written(values[at])}</strong>}
          </li>
        ))}
        <li className="day">{at !== null && dayOf(days[at] ?? "", true)}</li>
      </ul>
    </>
  );
}
