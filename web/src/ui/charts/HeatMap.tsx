import type { CSSProperties, ReactNode } from "react";

export interface Axis {
  key: string;
  label: string;
}

/** Numbers of two things at once; the more, the deeper. It is a table already, so that it needs no other. */
export function HeatMap({
  name,
  rows,
  columns,
  at,
  cell,
}: {
  name: string;
  rows: readonly Axis[];
  columns: readonly Axis[];
  at: (row: string, column: string) => number | null;
  cell: (row: string, column: string, value: number) => ReactNode;
}) {
  const most = Math.max(Number.EPSILON, ...rows.flatMap((row) => columns.map((column) => at(row.key, column.key) ?? 0)));
  return (
    <table className="heat">
      <thead>
        <tr>
          <th scope="col">{name}</th>
          {columns.map(({ key, label }) => (
            <th key={key} scope="col">
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.key}>
            <th scope="row" title={row.label}>
              {row.label}
            </th>
            {columns.map((column) => {
              const value = at(row.key, column.key);
              // Up to here black and white both can be read on it, in either theme.
              const depth = value === null ? 0 : Math.round((value / most) * 38);
              return (
                <td key={column.key} style={{ "--depth": `${depth}%` } as CSSProperties}>
                  {value === null ? "" : cell(row.key, column.key, value)}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
