import { type CSSProperties, useId } from "react";
import { t } from "@/i18n";
import { useForm } from "./Figure";
import { arcs, shade } from "./scale";
import { type Amount, AmountTable } from "./table";

const SLICES = 7;
const RADIUS = 42;
const AROUND = 2 * Math.PI * RADIUS;

/** Parts of a whole: the greatest for themselves, the others together. */
export function Donut({
  name,
  unit,
  rows,
  write,
}: {
  name: string;
  unit: string;
  rows: readonly Amount[];
  write: (value: number) => string;
}) {
  const form = useForm();
  const title = useId();
  if (form === "table") return <AmountTable name={name} unit={unit} rows={rows} write={write} />;
  const whole = rows.reduce((sum, { value }) => sum + value, 0);
  const rest = rows.slice(SLICES);
  const shown: readonly Amount[] =
    rest.length < 2
      ? rows
      : [
          ...rows.slice(0, SLICES),
          { label: t("common.others", { count: rest.length }), value: rest.reduce((sum, { value }) => sum + value, 0) },
        ];
  return (
    <div className="donut">
      <svg viewBox="0 0 100 100" role="img" aria-labelledby={title}>
        <title id={title}>{shown.map(({ label, value }) => `${label} ${write(value)}`).join(", ")}</title>
        {arcs(shown.map(({ value }) => value)).map(({ start, share }, index) => (
          <circle
            key={shown[index]?.label}
            cx="50"
            cy="50"
            r={RADIUS}
            fill="none"
            stroke={shade(index)}
            strokeWidth="13"
            strokeDasharray={`${Math.max(0, share * AROUND - 0.8)} ${AROUND}`}
            transform={`rotate(${start * 360 - 90} 50 50)`}
          />
        ))}
        <text x="50" y="55" textAnchor="middle">
          {write(whole)}
        </text>
      </svg>
      <ul className="legend">
        {shown.map(({ label, value, link }, index) => (
          <li key={label} style={{ "--swatch": shade(index) } as CSSProperties}>
            <span className="clip">{link ?? label}</span>
            <strong>{write(value)}</strong>
          </li>
        ))}
      </ul>
    </div>
  );
}
