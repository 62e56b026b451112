import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { t } from "@/i18n";
import { Empty, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";

export function NotFound() {
  return (
    <Empty icon="question" title={t("notFound.title")} action={<Link to="/incidents">{t("notFound.home")}</Link>}>
      {t("notFound.text")}
    </Empty>
  );
}

/** What is shown where a page broke. A part of a page that cannot be fetched any more means that a new build is there. */
export function Failed({ error, reset }: { error: unknown; reset: () => void }) {
  const outdated = error instanceof Error && /dynamically imported module|module script/i.test(error.message);
  if (outdated) {
    return (
      <Empty
        icon="undo"
        title={t("outdated.title")}
        action={<Button onClick={() => location.reload()}>{t("outdated.reload")}</Button>}
      >
        {t("outdated.text")}
      </Empty>
    );
  }
  return (
    <div className="page-scroll">
      <div className="page-head">
        <h1>{t("problem.page")}</h1>
      </div>
      <Problem error={error} retry={reset} />
    </div>
  );
}

const CHANNEL = "itsm-session";

/** The page that a sign-in in a window of its own comes back to. */
export function SignedIn() {
  useEffect(() => {
    const channel = new BroadcastChannel(CHANNEL);
    channel.postMessage("signed-in");
    channel.close();
    window.close();
  }, []);
  return <Empty icon="check" title={t("session.back")} />;
}

/** Asks for a new sign-in in a window of its own, so that nothing that was written here is lost. */
export function SignInAgain({ opened, done }: { opened: boolean; done: () => void }) {
  useEffect(() => {
    if (!opened) return;
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = done;
    return () => channel.close();
  }, [opened, done]);
  return (
    <Dialog opened={opened} title={t("session.ended")}>
      <div className="stack">
        <p>{t("session.endedText")}</p>
        <Button onClick={() => window.open("/auth/login?next=/signed-in", "itsm-sign-in", "popup,width=520,height=680")}>
          {t("session.in")}
        </Button>
      </div>
    </Dialog>
  );
}
