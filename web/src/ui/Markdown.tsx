import { Fragment, type ReactNode } from "react";

/**
 * What people write down, as a small part of Markdown: headings, lists, quotes, code, tables, emphasis and links. It becomes
 * elements and never HTML, so nothing that is written can run; what is not understood is shown as it was written.
 */
export function Markdown({ text, top = 2 }: { text: string; top?: 2 | 3 | 4 }) {
  return <div className="markdown">{blocks(text.replace(/\r\n?/g, "\n").split("\n"), top)}</div>;
}

const ITEM = /^(\s*)([-*+]|\d{1,4}[.)])\s+(.*)$/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const FENCE = /^\s*(```|~~~)/;
const RULE = /^\s*([-*_])(\s*\1){2,}\s*$/;
const DIVIDER = /^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$/;
const DEEPEST = 6;

function blocks(lines: readonly string[], top: number, depth = 0): ReactNode[] {
  const found: ReactNode[] = [];
  let at = 0;
  const until = (ends: (line: string) => boolean) => {
    const start = at;
    while (at < lines.length && !ends(lines[at] as string)) at += 1;
    return lines.slice(start, at);
  };
  while (at < lines.length) {
    const line = lines[at] as string;
    const key = at;
    const heading = HEADING.exec(line);
    if (line.trim() === "") {
      at += 1;
    } else if (FENCE.test(line)) {
      at += 1;
      const code = until((each) => FENCE.test(each));
      at += 1;
      found.push(
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what is wider than the page is reached with the keyboard too
        <pre key={key} tabIndex={0}>
          <code>{code.join("\n")}</code>
        </pre>,
      );
    } else if (heading) {
      at += 1;
      const Level = `h${Math.min(6, top - 1 + (heading[1] as string).length)}` as "h2";
      found.push(<Level key={key}>{spans(heading[2] as string)}</Level>);
    } else if (RULE.test(line)) {
      at += 1;
      found.push(<hr key={key} />);
    } else if (line.startsWith(">") && depth < DEEPEST) {
      const quoted = until((each) => !each.startsWith(">")).map((each) => each.replace(/^>\s?/, ""));
      found.push(<blockquote key={key}>{blocks(quoted, top, depth + 1)}</blockquote>);
    } else if (ITEM.test(line) && depth < DEEPEST) {
      const [node, next] = list(lines, at, top, depth);
      found.push(<Fragment key={key}>{node}</Fragment>);
      at = next;
    } else if (line.includes("|") && DIVIDER.test(lines[at + 1] ?? "")) {
      found.push(<Fragment key={key}>{table(until((each) => !each.includes("|")))}</Fragment>);
    } else {
      const start = at;
      const words = until(
        (each) => at > start && (each.trim() === "" || ITEM.test(each) || HEADING.test(each) || FENCE.test(each)),
      );
      found.push(<p key={key}>{spans(words.join("\n"))}</p>);
    }
  }
  return found;
}

/** A list with what stands below its items, and the line after it. */
function list(lines: readonly string[], start: number, top: number, depth: number): [ReactNode, number] {
  const [, indent = "", sign = "-"] = ITEM.exec(lines[start] as string) ?? [];
  const items: string[][] = [];
  let at = start;
  for (; at < lines.length; at += 1) {
    const line = lines[at] as string;
    const item = ITEM.exec(line);
    if (item && (item[1] as string).length <= indent.length) {
      if ((item[1] as string).length < indent.length) break;
      items.push([item[3] as string]);
    } else if (line.trim() === "") {
      const next = lines[at + 1] ?? "";
      if (!ITEM.test(next) && !/^\s{2,}\S/.test(next)) break;
      items.at(-1)?.push("");
    } else if (item || /^\s{2,}/.test(line)) {
      items.at(-1)?.push(line.slice(Math.min(indent.length + 2, line.length - line.trimStart().length)));
    } else break;
  }
  const shown = items.map((item, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: items of a text keep their places
    <li key={index}>{item.length > 1 ? blocks(item, top, depth + 1) : spans(item[0] as string)}</li>
  ));
  const first = Number.parseInt(sign, 10);
  const node = Number.isNaN(first) ? <ul>{shown}</ul> : <ol start={first}>{shown}</ol>;
  return [node, at];
}

const cellsOf = (line: string) =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());

function table([head = "", , ...rows]: readonly string[]): ReactNode {
  return (
    <table className="table">
      <thead>
        <tr>
          {cellsOf(head).map((cell, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: cells keep their places
            <th key={index}>{spans(cell)}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: as above
          <tr key={index}>
            {cellsOf(row).map((cell, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: as above
              <td key={place}>{spans(cell)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const SPAN =
  /(`+)([^`]+)\1|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|!?\[([^\]]*)\]\(([^()\s]+)\)|(https?:\/\/[^\s<>()]+)/g;

/** Where a link may lead; anything else is text. Browsers read `/\` like `//`: it leads to another host. */
const SAFE = /^(https?:\/\/|mailto:|\/(?![/\\]))/i;

function spans(text: string): ReactNode[] {
  const found: ReactNode[] = [];
  let done = 0;
  for (const match of text.matchAll(SPAN)) {
    const [whole, , code, strong, strongToo, weak, label, target, plain] = match;
    found.push(text.slice(done, match.index));
    done = match.index + whole.length;
    const key = match.index;
    if (code !== undefined) found.push(<code key={key}>{code}</code>);
    else if (strong ?? strongToo) found.push(<strong key={key}>{strong ?? strongToo}</strong>);
    else if (weak !== undefined) found.push(<em key={key}>{weak}</em>);
    else {
      const address = (target ?? plain) as string;
      const safe = SAFE.test(address) && !whole.startsWith("!");
      found.push(
        safe ? (
          <a key={key} href={address} rel="noreferrer" target={address.startsWith("/") ? undefined : "_blank"}>
            {label || address}
          </a>
        ) : (
          whole
        ),
      );
    }
  }
  return [...found, text.slice(done)];
}
