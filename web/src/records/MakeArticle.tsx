import { Button } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { toastProblem } from "@/ui/toasts";
import { addressOf } from "./RecordLink";

/** Begins an article from what an incident was about and how it ended. */
export function MakeArticle({ id }: { id: string }) {
  const { can } = useSession();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  if (!can("articles.create")) return null;
  const make = async () => {
    setBusy(true);
    try {
      const article = await ask<Schemas["Article"]>("POST", "articles:fromIncident", {
        body: { incidentId: id, language: "en" },
      });
      await navigate({ ...addressOf("articles", article.number), search: { tab: "write" } });
    } catch (error) {
      toastProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button size="sm" variant="default" loading={busy} onClick={() => void make()}>
      {t("record.makeArticle")}
    </Button>
  );
}
