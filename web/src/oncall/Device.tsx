import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "@/api/client";
import { switchPush } from "@/app/push";
import { choose, nextScheme, useScheme } from "@/app/scheme";
import { signOut, useSession } from "@/app/session";
import { t } from "@/i18n";
import type { Delivery, Page } from "./data";
import { Button } from "./parts";
import { say, sayProblem } from "./said";

const EACH_MS = 1_500;

/** Whether a call reaches this person: notices on this phone, a call to oneself, and its receipts. */
export function Device() {
  const { can } = useSession();
  const scheme = useScheme();
  const [tested, setTested] = useState("");
  const test = async () => {
    try {
      setTested((await ask<Page>("POST", "pages:test", { body: {} })).id);
    } catch (error) {
      sayProblem(error);
    }
  };
  const toggle = async () => {
    try {
      say(t(`push.${await switchPush()}`));
    } catch (error) {
      sayProblem(error);
    }
  };
  return (
    <section className="card" aria-labelledby="device">
      <h2 id="device">{t("oncall.device")}</h2>
      <div className="presets">
        {can("pages.test") && (
          <Button tone="main" icon="alert" onClick={() => void test()}>
            {t("oncall.test")}
          </Button>
        )}
        <Button icon="bolt" onClick={() => void toggle()}>
          {t("push.toggle")}
        </Button>
        <Button icon="moon" onClick={() => choose(nextScheme())}>
          {t("scheme.label", { scheme: t(`scheme.${scheme}`) })}
        </Button>
        <Button icon="out" onClick={() => void signOut()}>
          {t("session.out")}
        </Button>
      </div>
      {tested && <Receipts page={tested} />}
    </section>
  );
}

function Receipts({ page }: { page: string }) {
  const { data } = useQuery({
    queryKey: ["oncall", "receipts", page],
    refetchInterval: ({ state }) =>
      state.data?.some((each) => each.state === "PENDING") === false && state.data.length > 0 ? false : EACH_MS,
    queryFn: () =>
      ask<{ deliveries: Delivery[] }>("GET", "deliveries:mine", { query: { subject: `pages/${page}` } }).then(
        ({ deliveries }) => deliveries,
      ),
  });
  return (
    <div role="status" aria-label={t("oncall.receipts")}>
      <h3>{t("oncall.receipts")}</h3>
      {!data?.length && <p className="muted">{t("oncall.receiptsNone")}</p>}
      <ul className="said">
        {data?.map((each) => (
          <li key={each.id}>
            {t(`oncall.way.${each.channel === "PUSH" ? "PUSH" : "MAIL"}`)}{" "}
            <span
              className="mark"
              data-tone={each.state === "DELIVERED" ? "ACKNOWLEDGED" : each.state === "FAILED" ? "CRITICAL" : ""}
            >
              {t(`oncall.delivery.${each.state === "DELIVERED" || each.state === "FAILED" ? each.state : "PENDING"}`)}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
