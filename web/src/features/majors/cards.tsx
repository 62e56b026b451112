import { Button } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { ApiProblem } from "@/api/problem";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useTaken } from "@/records/data";
import { FieldsForm } from "@/records/FieldsForm";
import { AssetLinks } from "@/records/RecordLink";
import { Card } from "@/records/RecordRows";
import { Ago } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Field, TextInput } from "@/ui/form";
import { Person } from "@/ui/people";
import { toast, toastProblem } from "@/ui/toasts";

type Major = Schemas["Major"];
type Role = Schemas["MajorRole"]["role"];

const ROLES = ["COMMANDER", "COMMUNICATIONS", "TECHNICAL_LEAD", "SCRIBE", "LIAISON"] as const;
const OPEN = new Set(["CANDIDATE", "DECLARED"]);
const LED = new Set(["DECLARED", "RESOLVED"]);

const STALE = 412;

/** Does something with it on the version that is shown, and shows the next; on a later one only where `still` says so of it. */
export function useCommand(major: Major, still: (present: Major) => boolean = () => false) {
  const taken = useTaken("majors");
  return async (verb: string, body: object) => {
    const write = (etag: string) => ask<Major>("POST", `majors/${major.id}:${verb}`, { etag, body });
    const after = await write(major.etag).catch(async (error: unknown) => {
      if (!(error instanceof ApiProblem) || error.status !== STALE) throw error;
      const present = await ask<Major>("GET", `majors/${major.id}`);
      if (!still(present)) throw error;
      return write(present.etag);
    });
    taken(after);
    return after;
  };
}

/** Who is there for what. */
export function Roles({ major }: { major: Major }) {
  const { can, me } = useSession();
  const command = useCommand(major);
  const [asked, setAsked] = useState<Role | null>(null);
  const able = OPEN.has(major.state) && can("majors.staff");
  const held = (role: Role) => major.roles.find((each) => each.role === role)?.personId ?? "";
  const name = (role: Role) => t(`major.role.${role}`);
  return (
    <Card title={t("major.roles")}>
      <ul className="rows" aria-label={t("major.roles")}>
        {ROLES.map((role) => (
          <li key={role}>
            <div className="grow stack" style={{ gap: 0 }}>
              <span className="muted">{name(role)}</span>
              <Person id={held(role)} lone={t("major.free")} />
            </div>
            {able && (
              <Button
                size="compact-xs"
                variant="default"
                aria-label={`${name(role)}: ${t(held(role) ? "major.handOver" : "major.give")}`}
                onClick={() => setAsked(role)}
              >
                {t(held(role) ? "major.handOver" : "major.give")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      <Dialog
        opened={asked !== null}
        onClose={() => setAsked(null)}
        title={asked ? t("major.giveRole", { role: name(asked) }) : ""}
      >
        {asked && (
          <FieldsForm
            fields={[
              {
                name: "personId",
                label: t("major.person"),
                kind: "person",
                initial: held(asked) === "" ? me.subject : undefined,
                required: asked === "COMMANDER",
              },
            ]}
            action={t(held(asked) ? "major.handOver" : "major.give")}
            cancel={() => setAsked(null)}
            submit={async ({ personId = "" }) => {
              await command("staff", { role: asked, personId });
              toast(t("major.given", { role: name(asked) }));
              setAsked(null);
            }}
          />
        )}
      </Dialog>
    </Card>
  );
}

/** What is not to be forgotten. */
export function Checklist({ major }: { major: Major }) {
  const { can } = useSession();
  const command = useCommand(major);
  const [text, setText] = useState("");
  const able = LED.has(major.state) && can("majors.check");
  const items = major.checklist;
  const done = items.filter(({ doneTime }) => doneTime !== undefined).length;
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === "") return;
    void command("extendChecklist", { checklist: [text.trim()] }).then(() => setText(""), toastProblem);
  };
  return (
    <Card
      title={t("major.checklist")}
      action={items.length > 0 && <span className="muted">{t("major.checked", { done, all: items.length })}</span>}
    >
      {items.length === 0 && <p className="muted">{t("major.noChecklist")}</p>}
      <ul className="checklist" aria-label={t("major.checklist")}>
        {items.map((item) => (
          <li key={item.key} data-done={item.doneTime !== undefined}>
            <label>
              <input
                type="checkbox"
                checked={item.doneTime !== undefined}
                disabled={!able}
                onChange={({ currentTarget }) =>
                  void command("check", { key: item.key, undone: !currentTarget.checked }).catch(toastProblem)
                }
              />
              <span>{item.text}</span>
            </label>
            {item.doneTime && (
              <span className="line muted">
                <Person id={item.doneBy} /> <Ago time={item.doneTime} />
              </span>
            )}
          </li>
        ))}
      </ul>
      {able && (
        <form className="line" onSubmit={add} style={{ alignItems: "end" }}>
          <span className="grow">
            <Field label={t("major.item")}>
              <TextInput value={text} onChange={setText} />
            </Field>
          </span>
          <Button type="submit" variant="default" disabled={text.trim() === ""}>
            {t("major.add")}
          </Button>
        </form>
      )}
    </Card>
  );
}

/** What suffers: as people say, and as the landscape of assets shows. */
export function Services({ major }: { major: Major }) {
  const { serviceIds, impactedServiceIds } = major;
  return (
    <Card title={t("major.services")}>
      {serviceIds.length + impactedServiceIds.length === 0 && <p className="muted">{t("major.noServices")}</p>}
      <div className="stack">
        {serviceIds.length > 0 && (
          <div>
            <span className="muted">{t("major.said")}</span>
            <AssetLinks ids={serviceIds} />
          </div>
        )}
        {impactedServiceIds.length > 0 && (
          <div>
            <span className="muted">{t("major.computed")}</span>
            <AssetLinks ids={impactedServiceIds} />
          </div>
        )}
      </div>
    </Card>
  );
}
