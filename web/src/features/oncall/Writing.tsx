import { Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, type ReactNode, useState } from "react";
import { ask } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Meanwhile } from "@/records/Meanwhile";
import type { Content } from "@/records/schema/forms";
import type { useWriting } from "@/records/useWriting";
import { Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { toast } from "@/ui/toasts";

interface Props {
  resources: "schedules" | "escalationPolicies";
  title: string;
  fresh: boolean;
  writing: ReturnType<typeof useWriting>;
  /** What a member is called, and how its value is read. */
  labelOf: (name: string) => string;
  shown: (name: string, value: unknown) => ReactNode;
  children: ReactNode;
  /** Beside the form. */
  beside?: ReactNode;
}

/** The page on which a schedule or a policy is written. */
export function Writing({ resources, title, fresh, writing, labelOf, shown, children, beside }: Props) {
  const { can } = useSession();
  const navigate = useNavigate();
  const [removing, setRemoving] = useState(false);
  const [failed, setFailed] = useState<unknown>(null);
  const back = () => void navigate({ to: "/schedules" });
  const name = String(writing.content.name ?? "");
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if ((await writing.save()) === null) return;
    toast(t("rota.saved", { name }));
    back();
  };
  const remove = async (from: Content) => {
    setFailed(null);
    try {
      await ask("DELETE", `${resources}/${from.id}`, { etag: String(from.etag) });
      toast(t("rota.removed", { name }));
      back();
    } catch (error) {
      setFailed(error);
    }
  };
  return (
    <>
      <div className="page-head">
        <div className="stack tight">
          <Link to="/schedules" className="crumb">
            {t("rota.title")}
          </Link>
          <h1>{title}</h1>
        </div>
        {!fresh && can(`${resources}.delete`) && (
          <Button size="sm" variant="default" className="end" onClick={() => setRemoving(true)}>
            {t("rota.delete")}
          </Button>
        )}
      </div>
      <div className="page-scroll">
        <form className="stack rota-form" onSubmit={(event) => void save(event)}>
          {children}
          {beside}
          <Meanwhile
            theirs={Object.entries(writing.theirs).map(([member, value]) => ({
              name: member,
              label: labelOf(member),
              shown: shown(member, value),
            }))}
            take={writing.take}
          />
          {writing.failed !== null && <Problem error={writing.failed} />}
          <div className="line">
            <Button type="submit" loading={writing.busy} disabled={!fresh && !writing.dirty}>
              {t(fresh ? "record.create" : "record.save")}
            </Button>
            <Button variant="default" onClick={back}>
              {t("common.cancel")}
            </Button>
          </div>
        </form>
      </div>
      <Dialog opened={removing} onClose={() => setRemoving(false)} title={t("rota.deleteIt", { name })}>
        <div className="stack">
          <p>{t("rota.deleteText")}</p>
          {failed !== null && <Problem error={failed} />}
          <div className="line">
            <Button data-danger data-autofocus onClick={() => void remove(writing.from)}>
              {t("rota.delete")}
            </Button>
            <Button variant="default" onClick={() => setRemoving(false)}>
              {t("common.cancel")}
            </Button>
          </div>
        </div>
      </Dialog>
    </>
  );
}
