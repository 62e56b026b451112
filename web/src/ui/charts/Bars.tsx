import type { ReactNode } from "react";
import { locale } from "@/i18n";
import { useForm } from "./Figure";
import { type Amount, AmountTable } from "./table";

const usual = (value: number) => new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(value);

/** Amounts side by side. `most` is the end of the scale where that is no matter of the values. */
export function Bars({
  name,
  unit,
  rows,
  most,
  write = usual,
}: {
  name: string;
  unit: string;
  rows: readonly (Amount & { link?: ReactNode })[];
  most?: number;
  write?: (value: number) => string;
}) {
  const form = useForm();
  const scale = most ?? Math.max(Number.EPSILON, ...rows.map(({ value }) => value));
  if (form === "table") return <AmountTable name={name} unit={unit} rows={rows} write={write} />;
  return (
    <ul className="bars">
      {rows.map(({ label, value, link }) => (
        <li key={label}>
          <span className="clip" title={label}>
            {link ?? label}
          </span>
          <span className="bar">
            <span style={{ inlineSize: `${Math.min(100, (value / scale) * 100)}%` }} />
          </span>
          <span className="number">{write(value)}</span>
        </li>
      ))}
    </ul>
  );
}
