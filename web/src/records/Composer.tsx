import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type KeyboardEvent, useId, useRef } from "react";
import { ask, type Schemas } from "@/api/client";
import { useCommands } from "@/app/keys";
import { t } from "@/i18n";
import { Problem } from "@/ui/bits";
import { useDraft } from "@/ui/drafts";
import type { DeskRecord, Kind } from "./kind";

/** Writes notes. What is written survives a closed tab, a lost session, a refused request. */
export function Composer<R extends DeskRecord>({ kind, record }: { kind: Kind<R>; record: R }) {
  const client = useQueryClient();
  const place = useRef<HTMLTextAreaElement>(null);
  const box = useId();
  const draft = useDraft<{ text: string; public: boolean; key: string }>(`note/${record.id}`, {
    text: "",
    public: false,
    key: "",
  });
  const { text } = draft.value;
  const send = useMutation({
    mutationFn: () => {
      // The key stays with the draft, so that a note whose answer was lost is not written twice.
      const key = draft.value.key || crypto.randomUUID();
      draft.set({ ...draft.value, key });
      const words = { text: text.trim(), public: draft.value.public };
      return ask<Schemas["Note"]>("POST", `${kind.resources}/${record.id}/notes`, { key, body: words });
    },
    onSuccess: () => {
      draft.clear();
      void client.invalidateQueries({ queryKey: [kind.resources, "history", record.id] });
    },
  });
  useCommands([
    { id: "note", label: t("composer.focus"), keys: ["n", "r"], group: kind.many, run: () => place.current?.focus() },
  ]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() !== "" && !send.isPending) send.mutate();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
    else if (event.key === "Escape") place.current?.blur();
  };
  return (
    <form className="composer card" onSubmit={submit}>
      <label className="visually-hidden" htmlFor={box}>
        {t("composer.label")}
      </label>
      <textarea
        id={box}
        ref={place}
        value={text}
        placeholder={t("composer.placeholder")}
        onChange={({ currentTarget }) => draft.set({ ...draft.value, text: currentTarget.value, key: "" })}
        onKeyDown={onKeyDown}
      />
      {send.isError && <Problem error={send.error} />}
      <div className="line">
        <Button type="submit" size="xs" loading={send.isPending} disabled={text.trim() === ""}>
          {t("composer.send")}
        </Button>
        <label className="line muted">
          <input
            type="checkbox"
            checked={draft.value.public}
            onChange={({ currentTarget }) => draft.set({ ...draft.value, public: currentTarget.checked })}
          />
          {t("composer.public")}
        </label>
        <span className="end muted">{text !== "" && t("composer.kept")}</span>
      </div>
    </form>
  );
}
