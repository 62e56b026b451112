import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useId, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { flushSync } from "react-dom";
import { api, ask, body, quoted } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { t } from "@/i18n";
import { addressOf } from "@/records/RecordLink";
import { Dialog } from "@/ui/Dialog";
import { Icon, type IconName } from "@/ui/Icon";
import { type Command, commands, onCommands } from "./keys";
import { useSession } from "./session";

interface Row {
  id: string;
  label: string;
  icon: IconName;
  hint?: string;
  run: () => void;
}

const DELAY_MS = 150;
const HITS = 6;
const KINDS = "incidents,requests,problems,changes,releases,articles";
/** Letters that a search begins with. */
const LEAST = 2;

const matches = (command: Command, words: string[]) => words.every((word) => command.label.toLowerCase().includes(word));

export function Palette({ opened, close }: { opened: boolean; close: () => void }) {
  return (
    <Dialog opened={opened} onClose={close} label={t("palette.title")} place="top">
      <Search close={close} />
    </Dialog>
  );
}

function Search({ close }: { close: () => void }) {
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const [chosen, setChosen] = useState("");
  const [hurried, setHurried] = useState(false);
  const all = useSyncExternalStore(onCommands, commands);
  const list = useId();
  const place = useRef<HTMLInputElement>(null);
  const wanted = text.trim();

  useEffect(() => {
    const timer = setTimeout(() => setAsked(wanted), DELAY_MS);
    return () => clearTimeout(timer);
  }, [wanted]);

  const { hits, searching, failed, again } = useHits(asked);
  // What was found under another text is no answer to this one.
  const answered = asked === wanted;
  const waiting = wanted.length >= LEAST && (!answered || searching);
  const rows = useMemo<Row[]>(() => {
    const words = wanted.toLowerCase().split(/\s+/);
    const local = all
      .filter((command) => command.palette !== false && matches(command, words))
      .map(({ id, label, keys, run }): Row => ({ id, label, icon: "bolt", hint: keys?.[0], run }));
    // What the server finds comes below, so that the row one is about to choose does not move.
    return [...local, ...(answered ? hits : [])];
  }, [all, hits, wanted, answered]);
  const index = Math.max(
    0,
    rows.findIndex(({ id }) => id === chosen),
  );

  const go = (row: Row | undefined) => {
    if (row === undefined) return;
    flushSync(close); // while a dialog is open, nothing behind it can have the keyboard
    row.run();
  };
  // Who knows what will be found presses Enter before it is.
  useEffect(() => {
    if (!hurried || waiting) return;
    setHurried(false);
    const [first] = rows;
    if (first === undefined) return;
    close();
    first.run();
  }, [hurried, waiting, rows, close]);
  const onKeyDown = (event: React.KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = rows[(index + step + rows.length) % rows.length];
      setChosen(next?.id ?? "");
      document.getElementById(`${list}-${next?.id}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (rows.length > 0) go(rows[index]);
      else {
        setAsked(wanted);
        setHurried(true);
      }
    }
  };
  return (
    <div className="palette">
      <input
        ref={place}
        data-autofocus
        role="combobox"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={rows[index] && `${list}-${rows[index].id}`}
        aria-label={t("palette.title")}
        placeholder={t("palette.placeholder")}
        value={text}
        onChange={({ currentTarget }) => {
          setText(currentTarget.value);
          setChosen("");
          setHurried(false);
        }}
        onKeyDown={onKeyDown}
      />
      <div role="listbox" id={list} aria-label={t("palette.results")} tabIndex={-1}>
        {rows.map((row, position) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard stays in the text field, as in every combobox
          <div
            key={row.id}
            id={`${list}-${row.id}`}
            role="option"
            tabIndex={-1}
            aria-selected={position === index}
            onMouseMove={() => setChosen(row.id)}
            onClick={() => go(row)}
          >
            <Icon name={row.icon} />
            <span className="clip">{row.label}</span>
            {row.hint && <kbd className="hint">{row.hint}</kbd>}
          </div>
        ))}
        {rows.length === 0 && !(answered && failed) && (
          <div className="blank" role="option" aria-selected="false" aria-disabled="true" tabIndex={-1}>
            {t(waiting ? "palette.searching" : "palette.nothing")}
          </div>
        )}
      </div>
      {answered && failed && (
        <div className="line unfound" role="alert">
          {t("palette.failed")}
          <Button
            size="compact-sm"
            variant="default"
            className="end"
            onClick={() => {
              place.current?.focus(); // this button goes with what it mends
              again();
            }}
          >
            {t("problem.retry")}
          </Button>
        </div>
      )}
    </div>
  );
}

interface Hits {
  hits: Row[];
  searching: boolean;
  /** Whether a part of them could not be searched. */
  failed: boolean;
  again: () => void;
}

/** A whole number: of a part of one nobody is asked what it names. */
const NUMBER = /^[a-z]{2,4}\d{7,}$/i;

/** Records that the server finds under this text: numbers exactly, titles and names by their words, mistyped ones, too. */
function useHits(text: string): Hits {
  const { can } = useSession();
  const navigate = useNavigate();
  const number = NUMBER.test(text);
  const asked = text.length >= LEAST;
  const numbered = useQuery({
    queryKey: ["search", "resolve", text],
    enabled: asked && number,
    // That there is none is an answer, too.
    queryFn: async () => {
      const named = await ask<Named>("GET", "search:resolve", { query: { number: text.toUpperCase() } }).catch(nothingAt404);
      if (named === null) return null;
      const { title } = await ask<{ title: string }>("GET", `${named.kind}/${named.id}`, { query: { fields: "title" } });
      return { ...named, title };
    },
  });
  const records = useQuery({
    queryKey: ["search", "records", text],
    enabled: asked && !number,
    queryFn: async () =>
      (await body(api.GET("/api/v1/search", { params: { query: { query: text, kinds: KINDS, pageSize: HITS } } }))).hits,
  });
  const incidents = useQuery({
    queryKey: ["search", "incidents", text],
    enabled: asked && !number && can("incidents.list"),
    queryFn: async () => {
      const query = { filter: `title:${quoted(text)}`, pageSize: HITS };
      return (await body(api.GET("/api/v1/incidents", { params: { query } }))).incidents;
    },
  });
  const assets = useQuery({
    queryKey: ["search", "assets", text],
    enabled: asked && !number && can("assets.list"),
    queryFn: async () =>
      (await body(api.GET("/api/v1/assets", { params: { query: { filter: `name:${quoted(text)}`, pageSize: HITS } } }))).assets,
  });
  const hits = useMemo<Row[]>(() => {
    const row = (resources: string, id: string, named: string, label: string): Row => ({
      id,
      label,
      icon: resources === "assets" ? "asset" : "incident",
      run: () => void navigate(addressOf(resources, named)),
    });
    const found = [
      ...(numbered.data
        ? [row(numbered.data.kind, numbered.data.id, numbered.data.number, `${numbered.data.number} ${numbered.data.title}`)]
        : []),
      ...(incidents.data ?? []).map(({ id, number: known, title }) => row("incidents", id, known, `${known} ${title}`)),
      ...(assets.data ?? []).map(({ id, name }) => row("assets", id, id, name)),
      ...(records.data ?? []).map((hit) => row(hit.kind, hit.id, hit.number || hit.id, `${hit.number} ${hit.title}`.trim())),
    ];
    return [...new Map(found.map((each) => [each.id, each])).values()];
  }, [numbered.data, incidents.data, assets.data, records.data, navigate]);
  const sources = [numbered, incidents, assets, records];
  return {
    hits,
    searching: sources.some(({ isLoading }) => isLoading),
    failed: sources.some(({ isError }) => isError),
    again: () => {
      for (const source of sources) if (source.isError) void source.refetch();
    },
  };
}

interface Named {
  kind: string;
  id: string;
  number: string;
}

function nothingAt404(error: unknown): null {
  if (error instanceof ApiProblem && error.status === 404) return null;
  throw error;
}
