import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api, body, type Incident } from "@/api/client";
import { upload } from "@/api/files";
import { ApiProblem } from "@/api/problem";
import { locale, t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { Chosen } from "./Chosen";
import { useDevices } from "./data";
import { fileKey, useFilesKept } from "./files";
import { useKept } from "./kept";
import { Button, described, Failure, Field } from "./parts";
import { address, Go, go, usePlace } from "./way";

const NAME = "report";
const URGENCIES = ["LOW", "MEDIUM", "HIGH"] as const;
const NONE = "none";

interface Written {
  title: string;
  description: string;
  urgency: (typeof URGENCIES)[number];
  /** The device that it is about; empty until somebody chooses, when it is the first. */
  device: string;
}

const EMPTY: Written = { title: "", description: "", urgency: "MEDIUM", device: "" };

/** Something is broken: said in three fields, with what is known already filled in. */
export function Report() {
  const { query } = usePlace();
  const asked = query.get("q") ?? "";
  const read = query.get("article") ?? "";
  const client = useQueryClient();
  const draft = useKept<Written>(NAME, EMPTY);
  const chosen = useFilesKept(NAME);
  const devices = useDevices().data ?? [];
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [tried, setTried] = useState(false);
  const title = useRef<HTMLInputElement>(null);
  // Where a file is refused the incident is there already: another try sends files only.
  const made = useRef<{ incident: Incident; key: string } | null>(null);
  const [before, setBefore] = useState<string | null>(null); // what was begun another time, here or on another device

  const written = draft.value;
  const change = (part: Partial<Written>) => draft.set({ ...written, ...part });
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was typed is taken over once
  useEffect(() => {
    if (!draft.looked) return;
    setBefore(written.title);
    if (asked && !written.title) change({ title: asked });
  }, [asked, draft.looked]);
  const other = asked !== "" && before !== null && before !== "" && before !== asked;

  const device = written.device || devices[0]?.id || NONE;
  const missing = written.title.trim() === "" ? t("portal.report.titleMissing") : "";
  const refused = (name: string) => (error instanceof ApiProblem ? error.field(name) : "");

  const send = async () => {
    setTried(true);
    if (missing) {
      title.current?.focus();
      return;
    }
    setBusy(true);
    setError(null);
    try {
      const sent = made.current ?? {
        key: draft.key,
        incident: await body(
          api.POST("/api/v1/incidents", {
            headers: { "idempotency-key": draft.key },
            body: {
              title: written.title.trim(),
              description: [written.description.trim(), read && t("portal.report.read", { number: read })]
                .filter(Boolean)
                .join("\n\n"),
              urgency: written.urgency,
              source: "PORTAL",
              assetIds: device === NONE ? [] : [device],
            },
          }),
        ),
      };
      made.current = sent;
      for (const file of chosen.files) await upload(sent.incident.id, file, await fileKey(sent.key, file));
      chosen.set([]);
      draft.clear();
      void client.invalidateQueries({ queryKey: ["incidents"] });
      go(address(`/incidents/${sent.incident.number}`, { new: "1" }), { replace: true });
      scrollTo(0, 0);
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };

  return (
    <main className="page narrow">
      <h1>{t("portal.report.title")}</h1>
      {other && (
        <div className="notice">
          <Icon name="note" />
          <p>{t("portal.report.begun")}</p>
          <Button
            tone="quiet"
            onClick={() => {
              setBefore("");
              made.current = null;
              chosen.set([]);
              draft.set({ ...EMPTY, title: asked });
            }}
          >
            {t("portal.report.anew", { asked })}
          </Button>
        </div>
      )}
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Field id="title" label={t("portal.report.what")} wrong={(tried && missing) || refused("title")}>
          <input
            ref={title}
            {...described("title", { wrong: (tried && missing) || refused("title") })}
            value={written.title}
            maxLength={300}
            autoComplete="off"
            required
            onChange={({ currentTarget }) => change({ title: currentTarget.value })}
          />
        </Field>
        <Field
          id="description"
          label={t("portal.report.more")}
          hint={t("portal.report.moreHint")}
          optional
          wrong={refused("description")}
        >
          <textarea
            {...described("description", { hint: "yes", wrong: refused("description") })}
            rows={5}
            value={written.description}
            onChange={({ currentTarget }) => change({ description: currentTarget.value })}
          />
        </Field>
        {devices.length > 0 && (
          <Field id="device" label={t("portal.report.device")} hint={t("portal.report.deviceHint")}>
            <div className="choice">
              <select
                {...described("device", { hint: "yes" })}
                value={device}
                onChange={({ currentTarget }) => change({ device: currentTarget.value })}
              >
                {devices.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
                <option value={NONE}>{t("portal.report.noDevice")}</option>
              </select>
              <Icon name="down" />
            </div>
          </Field>
        )}
        <fieldset className="cards">
          <legend>{t("portal.report.urgency")}</legend>
          {URGENCIES.map((each) => (
            <label key={each} className="option">
              <input
                type="radio"
                name="urgency"
                checked={written.urgency === each}
                onChange={() => change({ urgency: each })}
              />
              <span>
                <strong>{t(`portal.urgency.${each}`)}</strong>
                <span className="muted">{t(`portal.urgency.${each}_text`)}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <Chosen files={chosen.files} onChange={chosen.set} />
        {error !== null && <Failure error={error} />}
        <div className="send">
          <Button type="submit" busy={busy}>
            {t(busy ? "portal.report.sending" : "portal.report.send")}
          </Button>
          <p className="muted" role="status">
            {draft.kept !== "none" && t(`portal.draft.${draft.kept}`)}
          </p>
          {draft.kept !== "none" && !busy && (
            <button
              type="button"
              className="plain muted"
              onClick={() => {
                made.current = null;
                chosen.set([]);
                draft.clear();
              }}
            >
              {t("portal.draft.drop")}
            </button>
          )}
        </div>
      </form>
      <p className="muted aside" lang={locale()}>
        {t("portal.report.instead")} <Go to={address("/services")}>{t("portal.home.need")}</Go>
      </p>
    </main>
  );
}
