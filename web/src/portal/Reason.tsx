import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { Button, described, Failure, Field } from "./parts";

interface Props {
  label: string;
  tone?: "quiet" | "bad";
  question: string;
  confirm: string;
  /** Does it, with the reason; what it throws is shown. */
  act: (reason: string) => Promise<unknown>;
  children?: ReactNode;
}

/** Something that is only done with a reason. */
export function Reason({ label, tone = "quiet", question, confirm, act, children }: Props) {
  const [opened, setOpened] = useState(false);
  const [reason, setReason] = useState("");
  const done = useMutation({
    mutationFn: () => act(reason.trim()),
    onSuccess: () => setOpened(false),
  });
  return (
    <>
      <Button tone={tone} onClick={() => setOpened(true)}>
        {label}
      </Button>
      <Dialog opened={opened} title={label} onClose={() => setOpened(false)}>
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            if (reason.trim()) done.mutate();
          }}
        >
          {children}
          <Field id="why" label={question}>
            <textarea
              {...described("why", {})}
              data-autofocus
              rows={3}
              value={reason}
              onChange={({ currentTarget }) => setReason(currentTarget.value)}
            />
          </Field>
          {done.isError && <Failure error={done.error} />}
          <div className="line wrap">
            <Button type="submit" tone={tone === "bad" ? "bad" : "main"} disabled={reason.trim() === ""} busy={done.isPending}>
              {confirm}
            </Button>
            <Button tone="quiet" onClick={() => setOpened(false)}>
              {t("common.cancel")}
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  );
}
