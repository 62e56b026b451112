import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Schemas } from "@/api/client";
import { sized, upload } from "@/api/files";
import { useSession } from "@/app/session";
import { locale, t } from "@/i18n";
import { useDraft } from "@/ui/drafts";
import { Icon } from "@/ui/Icon";
import { at } from "@/ui/time";
import { Chosen } from "./Chosen";
import { useFiles, useNotes } from "./data";
import { fileKey, useFilesKept } from "./files";
import { Button, described, Failure, Field } from "./parts";

type Note = Schemas["Note"];
type Attachment = Schemas["Attachment"];

interface Props {
  kind: "incidents" | "requests";
  id: string;
  /** Whether there is somebody to answer to. */
  open: boolean;
}

/** What was said about a record, by both sides, and an answer. Files go along with incidents. */
export function Talk({ kind, id, open }: Props) {
  return kind === "incidents" ? <WithFiles id={id} open={open} /> : <Thread kind={kind} id={id} open={open} files={[]} />;
}

function WithFiles({ id, open }: { id: string; open: boolean }) {
  return <Thread kind="incidents" id={id} open={open} files={useFiles(id).data ?? []} />;
}

function Thread({ kind, id, open, files }: Props & { files: readonly Attachment[] }) {
  const notes = useNotes(kind, id);
  const said = [
    ...(notes.data ?? []).map((note) => ({ id: note.id, time: note.createTime ?? "", by: note.authorId, note })),
    ...files.map((file) => ({ id: file.id, time: file.createTime ?? "", by: file.uploaderId, file })),
  ].sort((one, other) => Date.parse(one.time) - Date.parse(other.time));
  return (
    <section aria-label={t("portal.talk.title")}>
      <h2>{t("portal.talk.title")}</h2>
      {notes.isError && <Failure error={notes.error} retry={() => void notes.refetch()} />}
      <ol className="talk" aria-live="polite">
        {said.length === 0 && notes.isSuccess && <li className="muted none">{t("portal.talk.nothing")}</li>}
        {said.map((each) => (
          <Said key={each.id} {...each} record={id} />
        ))}
      </ol>
      {open && <Answer kind={kind} id={id} />}
    </section>
  );
}

function Said({ by, time, note, file, record }: { by: string; time: string; note?: Note; file?: Attachment; record: string }) {
  const { me } = useSession();
  const own = by === me.subject;
  return (
    <li data-own={own}>
      <p className="muted small">
        {own ? t("portal.talk.you") : t("portal.talk.desk")} · <time dateTime={time}>{at(time)}</time>
      </p>
      {note && (
        <p className="prose bubble" dir="auto">
          {note.text}
        </p>
      )}
      {file && (
        <a
          className="file bubble"
          href={`/api/v1/incidents/${encodeURIComponent(record)}/attachments/${file.id}/content`}
          download={file.fileName}
        >
          <Icon name="note" />
          <span className="clip">{file.fileName}</span>
          <span className="muted nowrap">{sized(file.size, locale())}</span>
        </a>
      )}
    </li>
  );
}

const NOTHING = { text: "", key: "" };

function Answer({ kind, id }: { kind: Props["kind"]; id: string }) {
  const client = useQueryClient();
  const draft = useDraft(`portal/answer/${id}`, NOTHING);
  const chosen = useFilesKept(`answer/${id}`);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const { text, key } = draft.value;
  const ready = text.trim() !== "" || chosen.files.length > 0;

  const send = async () => {
    setBusy(true);
    setError(null);
    const named = key || crypto.randomUUID();
    if (!key) draft.set({ text, key: named }); // what is sent once more has the same
    try {
      if (text.trim() !== "") {
        const said = { body: { text: text.trim(), public: true }, headers: { "idempotency-key": named } };
        const params = { path: { id } };
        await (kind === "incidents"
          ? api.POST("/api/v1/incidents/{id}/notes", { params, ...said })
          : api.POST("/api/v1/requests/{id}/notes", { params, ...said }));
      }
      for (const file of chosen.files) await upload(id, file, await fileKey(named, file));
      draft.clear();
      chosen.set([]);
      await client.invalidateQueries({ queryKey: [kind] });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="form answer-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) void send();
      }}
    >
      <Field id="answer" label={t("portal.talk.answer")}>
        <textarea
          {...described("answer", {})}
          rows={3}
          value={text}
          onChange={({ currentTarget }) => draft.set({ text: currentTarget.value, key: crypto.randomUUID() })}
        />
      </Field>
      {kind === "incidents" && <Chosen files={chosen.files} onChange={chosen.set} />}
      {error !== null && <Failure error={error} />}
      <div>
        <Button type="submit" busy={busy} disabled={!ready}>
          {t("portal.talk.send")}
        </Button>
      </div>
    </form>
  );
}
