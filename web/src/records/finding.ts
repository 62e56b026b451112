import { quoted } from "@/api/client";
import type { Picked } from "@/ui/Pick";
import { listRecords } from "./data";
import { type DeskRecord, nameOf } from "./kind";

const FOUND = 12;
const NUMBER = /^[a-z]{2,4}\d+$/i;

/** What finds records of a kind by number or by words of their title, the newest first. */
export const findRecords =
  (resources: string, among = "", name: "title" | "name" = "title") =>
  async (text: string): Promise<Picked[]> => {
    const said = NUMBER.test(text) ? `number = ${quoted(text.toUpperCase())}` : text && `${name}:${quoted(text)}`;
    const filter = [among, said].filter(Boolean).join(" AND ");
    const { items } = await listRecords<DeskRecord & { name?: string }>(resources, filter, "", "", FOUND);
    return items.map((record) => ({
      value: record.id,
      label: record[name] || nameOf(record),
      hint: record.number,
    }));
  };
