import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { ask } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { toast } from "@/ui/toasts";
import { FieldsForm } from "./FieldsForm";
import { type DeskRecord, type Kind, nameOf, nested } from "./kind";

interface Create {
  able: boolean;
  label: string;
  open: () => void;
  dialog: ReactNode;
}

/** Making a new record, which is opened then. */
export function useCreate<R extends DeskRecord>(kind: Kind<R>, made: (record: R) => void): Create {
  const { can, me } = useSession();
  const client = useQueryClient();
  const [opened, setOpened] = useState(false);
  const able = kind.create !== undefined && can(`${kind.resources}.create`);
  const label = t("record.new", { kind: kind.one });
  const dialog = (
    <Dialog opened={opened} onClose={() => setOpened(false)} title={label}>
      <FieldsForm
        fields={kind.create?.(me.subject) ?? []}
        action={t("record.create")}
        cancel={() => setOpened(false)}
        submit={async (values) => {
          const record = await ask<R>("POST", kind.resources, { body: nested(values) });
          setOpened(false);
          toast(t("record.made", { number: nameOf(record) }));
          void client.invalidateQueries({ queryKey: [kind.resources, "list"] });
          void client.invalidateQueries({ queryKey: ["counts"] });
          made(record);
        }}
      />
    </Dialog>
  );
  return { able, label, open: () => setOpened(true), dialog };
}
