import { useEffect } from "react";
import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { Button } from "./parts";

const CHANNEL = "itsm-session";

/** Asks for a new sign-in in a window of its own, so that nothing that was written here is lost. */
export function SignInAgain({ done }: { done: () => void }) {
  useEffect(() => {
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = done;
    return () => channel.close();
  }, [done]);
  return (
    <Dialog opened title={t("session.ended")}>
      <div className="stack">
        <p>{t("session.endedText")}</p>
        <Button onClick={() => window.open("/auth/login?next=/signed-in", "itsm-sign-in", "popup,width=520,height=680")}>
          {t("session.in")}
        </Button>
      </div>
    </Dialog>
  );
}
