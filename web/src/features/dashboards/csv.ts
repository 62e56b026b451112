import { t } from "@/i18n";
import type { Board, Data } from "./data";
import { titleOf } from "./shape";

/** One value as a field. What a spreadsheet would take for a formula is a text. */
function field(value: string | number | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** All numbers of a dashboard, a line each. */
export function csvOf(board: Board, data: Data): string {
  const head = [t("board.tile"), t("board.groupBy"), t("board.part"), t("board.value")];
  const lines = board.tiles.flatMap((tile) => {
    const rows = data.tiles.find(({ tileId }) => tileId === tile.id)?.kpi?.rows ?? [];
    const name = titleOf(tile, board.builtIn ? board.id : "");
    return rows.map(({ group, series, value, median, p90, count }) => [name, group, series, value, median, p90, count]);
  });
  const all = [[...head, t("measure.MEDIAN"), t("measure.P90"), t("measure.COUNT")], ...lines];
  return all.map((line) => `${line.map(field).join(",")}\r\n`).join("");
}

/** Saves the numbers that are shown as a file. */
export function download(board: Board, data: Data, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", csvOf(board, data)], { type: "text/csv" }));
  link.download = `${name.replaceAll(/[^\p{L}\p{N}]+/gu, "-")}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}
