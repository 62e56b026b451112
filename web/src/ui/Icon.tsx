const PATHS = {
  incident: "M8 2.2 14.4 13H1.6zM8 6.2v3.4M8 11.4v.1",
  alert: "M4 11V7a4 4 0 0 1 8 0v4l1.2 1.6H2.8zM6.6 14h2.8",
  asset: "M2 3h12v8H2zM5.5 14h5M8 11v3",
  dashboard: "M2 13.5h12M4 13V8M8 13V3M12 13V6",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.4 10.4 14 14",
  clock: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM8 4.8V8l2.2 1.6",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  late: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM8 5v3.6M8 11v.1",
  check: "m3 8.4 3.2 3.2L13 4.8",
  note: "M3 2.5h10v8L9.5 14H3zM5.5 6h5M5.5 8.5h3",
  change: "M3 5.5h8.5L9 3M13 10.5H4.5L7 13",
  person: "M8 2.5a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4zM2.8 13.5c.6-2.5 2.6-4 5.2-4s4.6 1.5 5.2 4",
  link: "M6.5 9.5 9.5 6.5M7 4.5l1.2-1.2a3 3 0 0 1 4.3 4.3L11.3 8.8M9 11.5l-1.2 1.2a3 3 0 0 1-4.3-4.3l1.2-1.2",
  close: "m4 4 8 8M12 4l-8 8",
  more: "M3.5 8h.1M8 8h.1M12.5 8h.1",
  sun: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9",
  moon: "M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z",
  auto: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  keys: "M1.8 4h12.4v8H1.8zM4.2 6.6h.1M6.7 6.6h.1M9.2 6.6h.1M11.7 6.6h.1M5 9.6h6",
  out: "M9.5 3H3.5v10h6M7 8h7M11.5 5.5 14 8l-2.5 2.5",
  play: "M5 3.2v9.6L12.6 8z",
  undo: "M5.5 3 3 5.5 5.5 8M3 5.5h6.5a3.5 3.5 0 0 1 0 7H6",
  back: "M9.5 3.5 5 8l4.5 4.5",
  down: "m4 6.2 4 4 4-4",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  question: "M5.8 6a2.2 2.2 0 1 1 3.2 2c-.8.4-1 .8-1 1.6M8 12v.1",
  shield: "M8 2 13 4v3.6c0 3-2 5.2-5 6.4-3-1.2-5-3.4-5-6.4V4z",
  bolt: "M9 1.8 3.6 9h4L7 14.2 12.4 7h-4z",
  silent: "M2.5 2.5l11 11M4 11V7c0-.7.2-1.3.5-1.9M6.4 3.4A4 4 0 0 1 12 7v2M2.8 12.6h8M6.6 14h2.8",
  request: "M3 5.5 8 3l5 2.5v5L8 13l-5-2.5zM3 5.5 8 8l5-2.5M8 8v5",
  task: "M2.5 4.2 3.6 5.3 5.6 3.2M2.5 11.2l1.1 1.1 2-2.1M8 4.5h5.5M8 11.5h5.5",
  catalog: "M2.5 3h4.6v4.6H2.5zM8.9 3h4.6v4.6H8.9zM2.5 9.2h4.6v4.3H2.5zM8.9 9.2h4.6v4.3H8.9z",
  knowledge: "M8 4.2C6.4 3 4.4 2.8 2.5 3v9.2c1.9-.2 3.9 0 5.5 1.2 1.6-1.2 3.6-1.4 5.5-1.2V3C11.6 2.8 9.6 3 8 4.2zM8 4.2v9.2",
  settings:
    "M2.5 4.5h6M12 4.5h1.5M2.5 11.5H4M7.5 11.5h6M10 2.8a1.7 1.7 0 1 1 0 3.4 1.7 1.7 0 0 1 0-3.4zM5.8 9.8a1.7 1.7 0 1 1 0 3.4 1.7 1.7 0 0 1 0-3.4z",
  audit: "M4 2h5.5L12 4.5V14H4zM6 7h4M6 9.5h4M6 12h2.5",
  problem:
    "M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 5.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5zM8 .8v3M8 12.2v3M.8 8h3M12.2 8h3",
  release:
    "M8 1.8c2.4 1.6 3.4 4 3.2 7L8 11.6 4.8 8.8C4.6 5.8 5.6 3.4 8 1.8zM4.8 8.8 3 11.5l2.5-.3M11.2 8.8l1.8 2.7-2.5-.3M8 6.2v.1M8 12.8v1.7",
  major: "M2.5 7v3l6.5 3.2V3.8zM9 6.2c1.4 0 2.2.9 2.2 2.3S10.4 10.8 9 10.8M12.5 4.5c1.3 2.3 1.3 5.7 0 8M4.5 10.8l.8 2.7",
  approve: "M8 2 13 4v3.6c0 3-2 5.2-5 6.4-3-1.2-5-3.4-5-6.4V4zM5.6 7.8l1.7 1.7 3.2-3.3",
  up: "m4 9.8 4-4 4 4",
  calendar: "M2.5 4h11v9.5h-11zM2.5 7h11M5.5 2.3V5M10.5 2.3V5",
  move: "M8 2v12M2 8h12M6.2 3.8 8 2l1.8 1.8M6.2 12.2 8 14l1.8-1.8M3.8 6.2 2 8l1.8 1.8M12.2 6.2 14 8l-1.8 1.8",
  wave: "M2 8h2.5L6.5 3.5 9.5 12.5 11.5 8H14",
  inbox: "M2 9.5h3.6l1 2h2.8l1-2H14M2 9.5 4 3h8l2 6.5V13H2z",
} as const;

export type IconName = keyof typeof PATHS;

/** What points along the writing, or is drawn as it is written. */
const TURNS: ReadonlySet<IconName> = new Set(["back", "out", "undo", "question", "task", "note", "audit", "major"]);

/** A drawing beside a text that says the same; a lone one needs a label where it stands. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className={TURNS.has(name) ? "icon turns" : "icon"} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
