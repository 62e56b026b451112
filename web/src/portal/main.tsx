import "./styles/index.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useCallback, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { onSignedOut } from "@/api/client";
import { mayPass } from "@/api/problem";
import { applyScheme } from "@/app/scheme";
import { goOn, type Me, SessionProvider, signIn, whoAmI } from "@/app/session";
import { applyLanguage, words } from "@/i18n";
import { settle } from "@/live/apply";
import { LiveProvider } from "@/live/live";
import { Frame } from "./Frame";
import { Failure } from "./parts";
import { SignInAgain } from "./SignInAgain";

const KEPT_MS = 30_000;
const TRIES = 2;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: KEPT_MS,
      structuralSharing: settle,
      retry: (failures, error) => failures < TRIES && mayPass(error),
    },
    mutations: { networkMode: "always" }, // what cannot be sent says so at once, and stays
  },
});

function Portal({ me }: { me: Me }) {
  const [ended, setEnded] = useState(false);
  const [life, setLife] = useState(0);
  const onReauth = useCallback(() => setEnded(true), []);
  useEffect(() => onSignedOut((proofWanted) => (proofWanted ? signIn(true) : onReauth())), [onReauth]);
  const back = useCallback(() => {
    void goOn(me, () => {
      setEnded(false);
      setLife((known) => known + 1);
      void client.invalidateQueries();
    });
  }, [me]);
  return (
    <SessionProvider me={me}>
      <LiveProvider life={life} onReauth={onReauth}>
        <Frame />
      </LiveProvider>
      {ended && <SignInAgain done={back} />}
    </SessionProvider>
  );
}

async function content(): Promise<React.ReactNode> {
  try {
    const me = await whoAmI();
    if (me !== null) return <Portal me={me} />;
    signIn();
    return null;
  } catch (error) {
    return (
      <main className="page">
        <Failure error={error} retry={() => location.reload()} />
      </main>
    );
  }
}

applyScheme();
applyLanguage();
const place = document.getElementById("root");
if (place === null) throw new Error("the page has no root");
const [, shown] = await Promise.all([words("core", "portal"), content()]);
if (shown !== null) {
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={client}>{shown}</QueryClientProvider>
    </StrictMode>,
  );
}
