import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { useCommands } from "@/app/keys";
import { now, useSession } from "@/app/session";
import { t } from "@/i18n";
import { Problem } from "@/ui/bits";
import { usePerson } from "@/ui/people";
import { toastProblem } from "@/ui/toasts";
import { type Completion, completed, useCompletions, wordAt } from "./completions";
import { useNotes } from "./data";
import type { DeskRecord, Kind } from "./kind";
import { useNoteDraft } from "./noteDraft";
import { OthersWrite } from "./Presence";

type Note = Schemas["Note"];

interface Props<R extends DeskRecord> {
  kind: Kind<R>;
  record: R;
  /** Told when something is half-written, and when it is not any more. */
  onWriting: (writing: boolean) => void;
}

/**
 * Writes notes. What is written survives a closed tab, a lost session, a refused request. What others have said since it was
 * begun is shown before it is sent.
 */
export function Composer<R extends DeskRecord>({ kind, record, onWriting }: Props<R>) {
  const client = useQueryClient();
  const { me } = useSession();
  const place = useRef<HTMLTextAreaElement>(null);
  const [box, list] = [useId(), useId()];
  const subject = `${kind.resources}/${record.id}`;
  const draft = useNoteDraft(subject);
  const { text } = draft.value;
  const [caret, setCaret] = useState(0);
  const [at, setAt] = useState(0);
  const word = wordAt(text, caret);
  const offered = useCompletions(word, kind.resources, record.id);
  const { data: notes } = useNotes(kind.resources, record.id);
  const missed = [...(notes?.values() ?? [])].find(
    ({ createTime, authorId }) => draft.value.begun !== "" && authorId !== me.subject && (createTime ?? "") > draft.value.begun,
  );
  const [seen, setSeen] = useState("");
  const blocked = missed !== undefined && missed.id !== seen;
  useEffect(() => onWriting(text !== ""), [onWriting, text]);

  const send = useMutation({
    mutationFn: () => {
      // The key stays with the draft, so that a note whose answer was lost is not written twice.
      const key = draft.value.key || crypto.randomUUID();
      draft.set({ ...draft.value, key });
      const body = { text: text.trim(), public: draft.value.public };
      return ask<Note>("POST", `${subject}/notes`, { key, body });
    },
    onSuccess: () => {
      draft.clear();
      setSeen("");
      void client.invalidateQueries({ queryKey: [kind.resources, "history", record.id] });
    },
  });
  const write = (next: string, open: boolean) => {
    const begun = draft.value.text === "" ? new Date(now()).toISOString() : draft.value.begun;
    draft.set({ text: next, public: open, key: "", begun });
  };
  const focus = (open: boolean) => {
    if (text === "") draft.set({ ...draft.value, public: open });
    place.current?.focus();
  };
  useCommands([
    { id: "note", label: t("composer.focus"), keys: ["n"], group: kind.many, run: () => focus(false) },
    { id: "reply", label: t("composer.reply"), keys: ["r"], group: kind.many, run: () => focus(true) },
  ]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === "" || send.isPending) return;
    if (blocked) setSeen(missed.id);
    else send.mutate();
  };
  const take = async (completion: Completion | undefined) => {
    if (completion === undefined || word === null || send.isPending) return;
    const inserted = await completion.text();
    const present = place.current?.value ?? text;
    // What was asked for may have been written over while its words were on their way.
    if (present.slice(word.start, word.end) !== text.slice(word.start, word.end)) return;
    const next = completed(present, word, inserted);
    write(next.text, draft.value.public);
    setAt(0);
    requestAnimationFrame(() => {
      place.current?.setSelectionRange(next.caret, next.caret);
      setCaret(next.caret);
    });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (offered.length > 0 && step !== undefined) {
      event.preventDefault();
      setAt((at + step + offered.length) % offered.length);
    } else if (offered.length > 0 && (event.key === "Enter" || event.key === "Tab") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      void take(offered[at]).catch(toastProblem);
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
    else if (event.key === "Escape") place.current?.blur();
  };
  return (
    <form className="composer card" onSubmit={submit}>
      <label className="visually-hidden" htmlFor={box}>
        {t("composer.label")}
      </label>
      <OthersWrite subject={subject} />
      <textarea
        id={box}
        ref={place}
        value={text}
        readOnly={send.isPending}
        placeholder={t("composer.placeholder")}
        dir="auto"
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={offered.length > 0}
        aria-controls={list}
        aria-activedescendant={offered[at] && `${list}-${at}`}
        onChange={({ currentTarget }) => {
          write(currentTarget.value, draft.value.public);
          setCaret(currentTarget.selectionStart);
        }}
        onSelect={({ currentTarget }) => setCaret(currentTarget.selectionStart)}
        onKeyDown={onKeyDown}
      />
      <div
        role="listbox"
        id={list}
        aria-label={t("composer.offered")}
        tabIndex={-1}
        className="offered"
        hidden={!offered.length}
      >
        {offered.map((completion, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard stays in the text field, as in every combobox
          <div
            key={completion.id}
            id={`${list}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => void take(completion).catch(toastProblem)}
          >
            <span className="strong">{completion.label}</span>
            {completion.hint && <span className="muted clip">{completion.hint}</span>}
          </div>
        ))}
      </div>
      {send.isError && <Problem error={send.error} />}
      {missed !== undefined && text !== "" && <Missed note={missed} />}
      <div className="line wrap">
        <Button type="submit" size="xs" loading={send.isPending} disabled={text.trim() === ""}>
          {missed !== undefined && !blocked ? t("composer.anyway") : t("composer.send")}
        </Button>
        <label className="line muted">
          <input
            type="checkbox"
            checked={draft.value.public}
            onChange={({ currentTarget }) => draft.set({ ...draft.value, public: currentTarget.checked, key: "" })}
          />
          {t("composer.public")}
        </label>
        <span className="end muted">{text === "" ? t("composer.signs") : t("composer.kept")}</span>
      </div>
    </form>
  );
}

function Missed({ note }: { note: Note }) {
  const name = usePerson(note.authorId);
  return (
    <div className="others-write stack" role="alert">
      <strong>{t("composer.missed", { name: name || t("timeline.somebody") })}</strong>
      <span className="prose">{note.text}</span>
    </div>
  );
}
