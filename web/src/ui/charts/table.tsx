import type { ReactNode } from "react";

export interface Amount {
  label: string;
  value: number;
  link?: ReactNode;
}

/** Amounts as rows. */
export function AmountTable({
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
        {rows.map(({ label, value, link }) => (
          <tr key={label}>
            <th scope="row">{link ?? label}</th>
            <td className="number">{write(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
