import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { FieldsForm } from "@/records/FieldsForm";
import { spoken } from "@/records/schema/forms";
import { Ago, Chip, Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Views } from "@/ui/filters";
import { toast, toastProblem } from "@/ui/toasts";
import { Head } from "./Head";

type Letter = Schemas["DeadLetter"];

const SERVICES = ["incident", "asset", "monitor", "auth", "analytics", "gateway"] as const;
type Service = (typeof SERVICES)[number];

/** Events that a service gave up on: taken again once the cause is gone, or given up for good with a reason. */
export function DeadLetters() {
  const { can } = useSession();
  const search: { service?: string } = useSearch({ strict: false });
  const navigate = useNavigate();
  const client = useQueryClient();
  const [giving, setGiving] = useState<Letter | null>(null);
  const service = SERVICES.find((each) => each === search.service) ?? "incident";
  const path = `services/${service}/deadLetters`;
  const query = useQuery({
    queryKey: ["deadLetters", service],
    queryFn: async () => (await ask<{ deadLetters: Letter[] }>("GET", path, { query: { pageSize: 100 } })).deadLetters,
  });
  const act = async (letter: Letter, verb: "requeue" | "discard", values = {}) => {
    await ask("POST", `${path}/${letter.id}:${verb}`, { body: values });
    toast(t(verb === "requeue" ? "letters.requeued" : "letters.discarded"));
    await client.invalidateQueries({ queryKey: ["deadLetters"] });
  };
  return (
    <>
      <Head id="deadLetters" />
      <div className="filters">
        <Views
          label={t("letters.service")}
          views={SERVICES.map((value) => ({ value, label: t(`letters.services.${value}`) }))}
          value={service}
          onChange={(value) => void navigate({ to: ".", search: { service: value as Service } as never, replace: true })}
        />
      </div>
      <div className="page-scroll">
        {query.isPending && <Loading />}
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.data?.length === 0 && (
          <Empty icon="check" title={t("letters.none")}>
            {t("letters.noneText")}
          </Empty>
        )}
        {query.data && query.data.length > 0 && (
          <section className="card wide">
            <table className="table">
              <thead>
                <tr>
                  <th>{t("letters.event")}</th>
                  <th>{t("record.reason")}</th>
                  <th>{t("record.state")}</th>
                  <th className="minor">{t("letters.since")}</th>
                  <th />
                </tr>
              </thead>
              <tbody>
                {query.data.map((letter) => (
                  <tr key={letter.id}>
                    <td>
                      <span className="strong">{letter.type.split(".").at(-1) || letter.topic}</span>
                      <p className="muted">{letter.subject || letter.group}</p>
                    </td>
                    <td title={letter.detail}>{spoken(letter.reason)}</td>
                    <td>
                      <Chip tone={letter.state === "DISCARDED" ? "still" : "warn"}>{spoken(letter.state)}</Chip>
                    </td>
                    <td className="minor">
                      <Ago time={letter.time} />
                    </td>
                    <td>
                      <span className="line wrap">
                        {can("deadLetters.requeue") && (
                          <Button
                            size="compact-xs"
                            variant="default"
                            onClick={() => void act(letter, "requeue").catch(toastProblem)}
                          >
                            {t("letters.requeue")}
                          </Button>
                        )}
                        {can("deadLetters.discard") && letter.state !== "DISCARDED" && (
                          <Button size="compact-xs" variant="subtle" onClick={() => setGiving(letter)}>
                            {t("letters.discard")}
                          </Button>
                        )}
                      </span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        )}
      </div>
      <Dialog opened={giving !== null} onClose={() => setGiving(null)} title={t("letters.discardIt")}>
        {giving && (
          <FieldsForm
            fields={[{ name: "reason", label: t("record.reason"), kind: "area", required: true }]}
            action={t("letters.discard")}
            danger
            cancel={() => setGiving(null)}
            submit={async (values) => {
              await act(giving, "discard", values);
              setGiving(null);
            }}
          />
        )}
      </Dialog>
    </>
  );
}
