import type { ReactNode } from "react";
import { locale } from "@/i18n";
import { useForm } from "./Figure";

interface Bar {
  label: string;
  value: number;
  link?: ReactNode;
}

const written = (value: number) => new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(value);

/** Amounts side by side. `most` is the end of the scale where that is no matter of the values. */
export function Bars({ name, unit, rows, most }: { name: string; unit: string; rows: readonly Bar[]; most?: number }) {
  const form = useForm();
  const scale = most ?? Math.max(1, ...rows.map(({ value }) => value));
  if (form === "table") {
    return (
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{name}</th>
            <th scope="col" className="number">
              {unit}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ label, value }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              <td className="number">{written(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    );
  }
  return (
    <ul className="bars">
      {rows.map(({ label, value, link }) => (
        <li key={label}>
          <span className="clip">{link ?? label}</span>
          <span className="bar">
            <span style={{ inlineSize: `${(value / scale) * 100}%` }} />
          </span>
          <span className="number">
            {written(value)}
            {unit === "%" && " %"}
          </span>
        </li>
      ))}
    </ul>
  );
}
