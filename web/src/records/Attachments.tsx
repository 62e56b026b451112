import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { api, ask, body, type Schemas } from "@/api/client";
import { sized, upload } from "@/api/files";
import { useSession } from "@/app/session";
import { locale, t } from "@/i18n";
import { Ago, Problem } from "@/ui/bits";
import { Icon } from "@/ui/Icon";
import { toastProblem } from "@/ui/toasts";

type Attachment = Schemas["Attachment"];

/** The files of an incident. */
export function Attachments({ id }: { id: string }) {
  const { can } = useSession();
  const client = useQueryClient();
  const chooser = useRef<HTMLInputElement>(null);
  const [sending, setSending] = useState<readonly string[]>([]);
  const key = ["incidents", "history", id, "files"];
  const query = useQuery({
    queryKey: key,
    queryFn: async () =>
      (await body(api.GET("/api/v1/incidents/{id}/attachments", { params: { path: { id } } }))).attachments.filter(
        ({ deleteTime }) => !deleteTime,
      ),
  });
  const send = async (files: readonly File[]) => {
    setSending(files.map(({ name }) => name));
    try {
      for (const file of files) await upload(id, file, crypto.randomUUID());
    } catch (error) {
      toastProblem(error);
    } finally {
      setSending([]);
      void client.invalidateQueries({ queryKey: key });
    }
  };
  const remove = async ({ id: file, etag }: Attachment) => {
    await ask("DELETE", `incidents/${id}/attachments/${file}`, { etag });
    void client.invalidateQueries({ queryKey: key });
  };
  const able = can("attachments.create");
  if (query.data?.length === 0 && !able) return null;
  return (
    <section
      className="card"
      aria-label={t("files.title")}
      onDragOver={(event) => able && event.preventDefault()}
      onDrop={(event) => {
        if (!able) return;
        event.preventDefault();
        void send([...event.dataTransfer.files]);
      }}
    >
      <header>
        <h2>{t("files.title")}</h2>
        {able && (
          <button type="button" className="toggle end" onClick={() => chooser.current?.click()}>
            {t("files.add")}
          </button>
        )}
        <input
          ref={chooser}
          type="file"
          multiple
          hidden
          onChange={({ currentTarget }) => {
            void send([...(currentTarget.files ?? [])]);
            currentTarget.value = "";
          }}
        />
      </header>
      <div className="body">
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.data?.length === 0 && sending.length === 0 && <p className="muted">{t("files.none")}</p>}
        <ul className="stack">
          {query.data?.map((file) => (
            <li key={file.id} className="line">
              <Icon name="link" />
              <a href={`/api/v1/incidents/${id}/attachments/${file.id}/content`} className="clip" download={file.fileName}>
                {file.fileName}
              </a>
              <span className="muted nowrap">{sized(Number(file.size), locale())}</span>
              <span className="end">
                <Ago time={file.createTime} />
              </span>
              {able && (
                <button
                  type="button"
                  className="sign"
                  aria-label={t("files.remove", { name: file.fileName })}
                  onClick={() => void remove(file).catch(toastProblem)}
                >
                  <Icon name="close" />
                </button>
              )}
            </li>
          ))}
          {sending.map((name) => (
            <li key={name} className="line muted" role="status">
              {t("files.sending", { name })}
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
