import { Fragment, type ReactNode } from "react";

interface Match {
  start: number;
  length: number;
}

/** A text with what was looked for marked in it. Places are counted in characters, as the service counts them. */
export function Marked({ text, matches }: { text: string; matches: readonly Match[] }) {
  const characters = [...text];
  const parts: ReactNode[] = [];
  let done = 0;
  for (const { start, length } of matches) {
    if (start < done) continue;
    parts.push(<Fragment key={`t${start}`}>{characters.slice(done, start).join("")}</Fragment>);
    parts.push(<mark key={start}>{characters.slice(start, start + length).join("")}</mark>);
    done = start + length;
  }
  return (
    <>
      {parts}
      {characters.slice(done).join("")}
    </>
  );
}
