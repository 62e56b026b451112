import { Fragment, type ReactNode } from "react";

interface Match {
  start: number;
  length: number;
}

/** Signs of Markdown that are of no use in an excerpt: they are left out, and what is marked stays marked. */
const SIGNS = /(?<=^|\s)(?:#{1,6}|>|[-*+]|\d{1,3}\.)(?=\s)|\*\*|__|`+|!?\[|\]\([^)\s]*\)?|\|/g;

/**
 * A text with what was looked for marked in it. Places are counted in characters, as the service counts them. Of one that is
 * `written` in Markdown only the words are shown.
 */
export function Marked({ text, matches, written = false }: { text: string; matches: readonly Match[]; written?: boolean }) {
  const characters = [...text];
  const marked = new Set(matches.flatMap(({ start, length }) => Array.from({ length }, (_, index) => start + index)));
  const hidden = new Set<number>();
  if (written) {
    for (const { index, 0: sign } of text.matchAll(SIGNS)) {
      const start = [...text.slice(0, index)].length;
      for (let at = start; at < start + [...sign].length; at += 1) hidden.add(at);
    }
  }
  const parts: ReactNode[] = [];
  let run = "";
  let inside = false;
  const end = () => {
    if (run) parts.push(inside ? <mark key={parts.length}>{run}</mark> : <Fragment key={parts.length}>{run}</Fragment>);
    run = "";
  };
  characters.forEach((character, at) => {
    if (hidden.has(at)) return;
    if (marked.has(at) !== inside) {
      end();
      inside = !inside;
    }
    run += character;
  });
  end();
  return <>{parts}</>;
}
