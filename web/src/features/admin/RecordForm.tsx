import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { ask } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Meanwhile } from "@/records/Meanwhile";
import { type Content, contentOf, type Form, type Forms, useForms, worded } from "@/records/schema/forms";
import { titled } from "@/records/schema/RefPick";
import { SchemaFields } from "@/records/schema/SchemaFields";
import { useWriting } from "@/records/useWriting";
import { Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { toast } from "@/ui/toasts";
import { AsCode, Told } from "./Beside";
import { Commands } from "./Commands";
import { nameOf } from "./places";
import { Standing } from "./Records";
import { Secret, secretOf } from "./Secret";

/** One thing that is configured, or a new one. */
export function RecordForm() {
  const { kind = "", id = "" } = useParams({ strict: false }) as { kind?: string; id?: string };
  const fresh = id === "new";
  const forms = useForms();
  const record = useQuery({
    queryKey: [kind, "one", id],
    enabled: !fresh,
    queryFn: () => ask<Content>("GET", `${kind}/${encodeURIComponent(id)}`),
  });
  const form = forms.data?.kinds[kind];
  if (forms.isPending || (!fresh && record.isPending)) return <Loading />;
  if (forms.data === undefined || form === undefined) return <Empty icon="question" title={t("notFound.title")} />;
  if (record.isError) {
    return (
      <div className="page-scroll">
        <Head kind={kind} name={id} />
        <Problem error={record.error} retry={() => void record.refetch()} />
      </div>
    );
  }
  const known = fresh ? {} : (record.data ?? {});
  return <Page key={`${kind}/${id}`} kind={kind} forms={forms.data} form={form} record={known} fresh={fresh} />;
}

function Head({ kind, name, children }: { kind: string; name: string; children?: React.ReactNode }) {
  return (
    <div className="page-head">
      <div className="stack tight">
        <div className="line wrap">
          <Link to={"/admin" as "/incidents"} className="crumb">
            {t("admin.title")}
          </Link>
          <span className="muted">/</span>
          <Link to={`/admin/${kind}` as "/incidents"} className="crumb">
            {nameOf(kind)}
          </Link>
        </div>
        <h1>{name}</h1>
      </div>
      {children}
    </div>
  );
}

interface Props {
  kind: string;
  forms: Forms;
  form: Form;
  record: Content;
  fresh: boolean;
}

function Page({ kind, forms, form, record, fresh }: Props) {
  const { can } = useSession();
  const client = useQueryClient();
  const navigate = useNavigate();
  const written = useWriting({
    resources: kind,
    record: fresh ? null : record,
    contentOf: (known) => contentOf(form, known),
  });
  const { content, from } = written;
  const [removing, setRemoving] = useState(false);
  const [secret, setSecret] = useState("");
  const shipped = record.builtIn === true;
  const able = !shipped && (fresh ? can(form.createP ?? "") : form.update !== undefined && can(form.updateP ?? ""));
  const asked = form.create?.filter(({ n }) => fresh || form.update?.includes(n) || record[n] !== undefined) ?? [];
  const locked = new Set(asked.filter(({ n }) => !able || (!fresh && !form.update?.includes(n))).map(({ n }) => n));
  const again = () => {
    void client.invalidateQueries({ queryKey: [kind] });
    void client.invalidateQueries({ queryKey: ["named", kind] });
  };
  const list = () => navigate({ to: `/admin/${kind}` as "/incidents" });

  const save = async (event: FormEvent) => {
    event.preventDefault();
    const answer = await written.save();
    if (answer === null) return;
    const told = fresh ? secretOf(answer) : "";
    toast(t(fresh ? "admin.made" : "admin.saved", { name: titled(answer) }));
    if (told !== "") setSecret(told);
    else if (fresh) await list();
  };
  const remove = async () => {
    await ask("DELETE", `${kind}/${encodeURIComponent(String(record.id))}`, { etag: String(record.etag) });
    toast(t("admin.removed", { name: titled(record) }));
    again();
    await list();
  };
  const title = fresh ? t("admin.newOf", { kind: nameOf(kind) }) : titled(record);
  return (
    <>
      <Head kind={kind} name={title}>
        <Standing record={record} />
        <div className="verbs">
          {!fresh && <Commands kind={kind} forms={forms} form={form} record={record} done={again} />}
          {!fresh && !shipped && form.removeP !== undefined && can(form.removeP) && (
            <Button size="sm" variant="default" onClick={() => setRemoving(true)}>
              {t("admin.remove")}
            </Button>
          )}
        </div>
      </Head>
      <div className="page-scroll">
        <div className="record">
          <form className="card" onSubmit={(event) => void save(event)}>
            <header>
              <p className="muted">{form.d}</p>
            </header>
            <div className="body asked">
              {asked.length === 0 && <p className="muted">{t("admin.notWritten")}</p>}
              <SchemaFields
                key={`${from.etag} ${Object.keys(written.theirs).length}`}
                forms={forms}
                fields={asked}
                value={content}
                onChange={written.setContent}
                wrong={written.wrong}
                locked={locked}
              />
              <Meanwhile
                theirs={Object.entries(written.theirs).map(([name, value]) => ({
                  name,
                  label: worded(name),
                  shown: <code>{typeof value === "object" ? JSON.stringify(value) : String(value ?? "–")}</code>,
                }))}
                take={written.take}
              />
              {written.failed !== null && <Problem error={written.failed} />}
              {able && asked.length > 0 && (
                <div className="line">
                  <Button type="submit" loading={written.busy} disabled={!fresh && !written.dirty}>
                    {t(fresh ? "record.create" : "record.save")}
                  </Button>
                  <Button variant="default" onClick={() => void list()}>
                    {t("common.cancel")}
                  </Button>
                </div>
              )}
            </div>
          </form>
          <div className="stack">
            {!fresh && <Told form={form} record={record} />}
            {asked.length > 0 && <AsCode kind={kind} content={content} />}
          </div>
        </div>
      </div>
      <Secret
        value={secret}
        done={() => {
          setSecret("");
          void list();
        }}
      />
      <Removal opened={removing} name={titled(record)} close={() => setRemoving(false)} remove={remove} />
    </>
  );
}

function Removal(props: { opened: boolean; name: string; close: () => void; remove: () => Promise<void> }) {
  const [failed, setFailed] = useState<unknown>(null);
  return (
    <Dialog opened={props.opened} onClose={props.close} title={t("admin.removeIt", { name: props.name })}>
      <div className="stack">
        <p>{t("admin.removeText")}</p>
        {failed !== null && <Problem error={failed} />}
        <div className="line">
          <Button data-danger data-autofocus onClick={() => void props.remove().catch(setFailed)}>
            {t("admin.remove")}
          </Button>
          <Button variant="default" onClick={props.close}>
            {t("common.cancel")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
