import "./index.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useCallback, useState } from "react";
import { createRoot } from "react-dom/client";
import { onSignedOut } from "@/api/client";
import { mayPass } from "@/api/problem";
import { applyScheme } from "@/app/scheme";
import { type Me, SessionProvider, signIn, whoAmI } from "@/app/session";
import { applyLanguage, words } from "@/i18n";
import { LiveProvider } from "@/live/live";
import { App } from "./App";
import { Problem } from "./parts";
import { look } from "./queue";

const KEPT_MS = 5_000;
const TRIES = 2;

const client = new QueryClient({
  defaultOptions: {
    // Without a network the worker answers with what was seen last.
    queries: { staleTime: KEPT_MS, networkMode: "always", retry: (failures, error) => failures < TRIES && mayPass(error) },
    mutations: { networkMode: "always" },
  },
});

function OnCall({ me }: { me: Me }) {
  const [life] = useState(0);
  const again = useCallback(() => signIn(), []);
  return (
    <SessionProvider me={me}>
      <LiveProvider life={life} onReauth={again}>
        <App />
      </LiveProvider>
    </SessionProvider>
  );
}

async function content(): Promise<React.ReactNode> {
  try {
    const me = await whoAmI();
    if (me !== null) {
      await look(me.subject).catch(() => undefined); // a browser that keeps nothing has nothing that waits
      return <OnCall me={me} />;
    }
    signIn();
    return null;
  } catch (error) {
    return (
      <main>
        <Problem error={error} retry={() => location.reload()} />
      </main>
    );
  }
}

/** Has the worker keep the files that this page is made of. */
async function keep() {
  await navigator.serviceWorker.register("/sw.js");
  const { active } = await navigator.serviceWorker.ready;
  const loaded = performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname);
  const files = [...new Set(loaded.filter((path) => path.startsWith("/assets/")))];
  active?.postMessage({ kind: "shell", files: ["/oncall", "/icon.svg", ...files] });
}

applyScheme();
applyLanguage();
onSignedOut((proofWanted) => signIn(proofWanted));
const place = document.getElementById("root");
if (place === null) throw new Error("the page has no root");
const [, shown] = await Promise.all([words("core", "oncall"), content()]);
if (shown !== null) {
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={client}>{shown}</QueryClientProvider>
    </StrictMode>,
  );
  // Behind the first picture: what comes next time needs no network. The page works without the worker, too.
  const begin = () => void keep().catch(() => undefined);
  if ("serviceWorker" in navigator) addEventListener("load", begin, { once: true });
  if ("serviceWorker" in navigator && document.readyState === "complete") begin();
}
