import type { Item } from "./data";

const WORD = /[\p{L}\p{N}]+/gu;
const FORGIVEN = 4; // letters of a word from which on one slip is forgiven

const wordsOf = (text: string) => text.toLocaleLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").match(WORD) ?? [];

/** Whether two words differ by one letter at most: another, one too many, one too few, or two that changed places. */
export function alike(one: string, other: string): boolean {
  if (one === other) return true;
  if (Math.abs(one.length - other.length) > 1) return false;
  let start = 0;
  while (start < one.length && one[start] === other[start]) start += 1;
  let end = 0;
  const room = Math.min(one.length, other.length) - start;
  while (end < room && one[one.length - 1 - end] === other[other.length - 1 - end]) end += 1;
  const [left, right] = [one.slice(start, one.length - end), other.slice(start, other.length - end)];
  return (left.length <= 1 && right.length <= 1) || (left.length === 2 && left === [...right].reverse().join(""));
}

const meets = (asked: string, word: string) =>
  word.startsWith(asked) || (asked.length >= FORGIVEN && alike(asked, word.slice(0, Math.max(asked.length, word.length))));

/** Items of the catalog in which a word that was typed occurs; what has most of them, and in the title, comes first. */
export function found(items: readonly Item[], typed: string): Item[] {
  const asked = wordsOf(typed).filter((word) => word.length > 1);
  if (asked.length === 0) return [];
  const ranked = items.map((item) => {
    const title = wordsOf(item.title);
    const more = wordsOf(`${item.category} ${item.description}`);
    const points = asked.map((word) =>
      title.some((each) => meets(word, each)) ? 3 : more.some((each) => meets(word, each)) ? 1 : 0,
    );
    return { item, points: points.reduce<number>((sum, each) => sum + each, 0) };
  });
  return ranked
    .filter(({ points }) => points > 0)
    .sort((one, other) => other.points - one.points)
    .map(({ item }) => item);
}
