import { Modal } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useId, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { api, body, quoted } from "@/api/client";
import { t } from "@/i18n";
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

const matches = (command: Command, words: string[]) => words.every((word) => command.label.toLowerCase().includes(word));

export function Palette({ opened, close }: { opened: boolean; close: () => void }) {
  return (
    <Modal.Root opened={opened} onClose={close} size="lg" yOffset="12vh" centered={false} lockScroll={false}>
      <Modal.Overlay backgroundOpacity={0.35} />
      <Modal.Content aria-label={t("palette.title")}>{opened && <Search close={close} />}</Modal.Content>
    </Modal.Root>
  );
}

function Search({ close }: { close: () => void }) {
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const [chosen, setChosen] = useState("");
  const all = useSyncExternalStore(onCommands, commands);
  const list = useId();
  const place = useRef<HTMLInputElement>(null);

  // At once, not after the dialog has opened: who knows the key types on.
  useEffect(() => place.current?.focus(), []);

  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), DELAY_MS);
    return () => clearTimeout(timer);
  }, [text]);

  const hits = useHits(asked);
  const rows = useMemo<Row[]>(() => {
    const words = text.trim().toLowerCase().split(/\s+/);
    const local = all
      .filter((command) => command.palette !== false && matches(command, words))
      .map(({ id, label, keys, run }): Row => ({ id, label, icon: "bolt", hint: keys?.[0], run }));
    // What the server finds comes below, so that the row one is about to choose does not move.
    return [...local, ...(text.trim() === "" ? [] : hits)];
  }, [all, hits, text]);
  const index = Math.max(
    0,
    rows.findIndex(({ id }) => id === chosen),
  );

  const go = (row: Row | undefined) => {
    if (row === undefined) return;
    close();
    row.run();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = rows[(index + step + rows.length) % rows.length];
      setChosen(next?.id ?? "");
      document.getElementById(`${list}-${next?.id}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(rows[index]);
    }
  };
  return (
    <div className="palette">
      <input
        ref={place}
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
        {rows.length === 0 && (
          <div className="blank" role="option" aria-selected="false" aria-disabled="true" tabIndex={-1}>
            {t("palette.nothing")}
          </div>
        )}
      </div>
    </div>
  );
}

/** Records that the server finds under this text: numbers exactly, titles and names by their words. */
function useHits(text: string): Row[] {
  const { can } = useSession();
  const navigate = useNavigate();
  const number = /^inc\d+$/i.test(text);
  const incidents = useQuery({
    queryKey: ["search", "incidents", text],
    enabled: text.length > 1 && can("incidents.list"),
    queryFn: async () => {
      const filter = number ? `number = ${quoted(text.toUpperCase())}` : `title:${quoted(text)}`;
      return (await body(api.GET("/api/v1/incidents", { params: { query: { filter, pageSize: HITS } } }))).incidents;
    },
  });
  const assets = useQuery({
    queryKey: ["search", "assets", text],
    enabled: text.length > 1 && !number && can("assets.list"),
    queryFn: async () =>
      (await body(api.GET("/api/v1/assets", { params: { query: { filter: `name:${quoted(text)}`, pageSize: HITS } } }))).assets,
  });
  return useMemo<Row[]>(
    () => [
      ...(incidents.data ?? []).map(
        ({ id, number: known, title }): Row => ({
          id,
          label: `${known} ${title}`,
          icon: "incident",
          run: () => void navigate({ to: "/incidents/$id", params: { id: known } }),
        }),
      ),
      ...(assets.data ?? []).map(
        ({ id, name }): Row => ({
          id,
          label: name,
          icon: "asset",
          run: () => void navigate({ to: "/assets/$id", params: { id } }),
        }),
      ),
    ],
    [incidents.data, assets.data, navigate],
  );
}
