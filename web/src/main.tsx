import "./styles/index.css";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, useCallback, useEffect, useLayoutEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { onSignedOut } from "./api/client";
import { mayPass } from "./api/problem";
import { listenToKeys } from "./app/keys";
import { router } from "./app/router";
import { applyScheme, useShownScheme } from "./app/scheme";
import { goOn, type Me, SessionProvider, signIn, usePresentMe, whoAmI } from "./app/session";
import { SignedIn, SignInAgain } from "./app/states";
import { theme } from "./app/theme";
import { applyLanguage, words } from "./i18n";
import { settle } from "./live/apply";
import { LiveProvider } from "./live/live";
import { Problem } from "./ui/bits";

const KEPT_MS = 30_000;
const TRIES = 2;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: KEPT_MS,
      structuralSharing: settle,
      retry: (failures, error) => failures < TRIES && mayPass(error),
      refetchOnWindowFocus: false,
    },
  },
});

function Console({ me: signedIn }: { me: Me }) {
  const { me, look } = usePresentMe(signedIn);
  const [ended, setEnded] = useState(false);
  const [life, setLife] = useState(0);
  const onReauth = useCallback(() => setEnded(true), []);
  useEffect(() => onSignedOut((proofWanted) => (proofWanted ? signIn(true) : onReauth())), [onReauth]);
  useLayoutEffect(listenToKeys, []);
  const back = useCallback(() => {
    void goOn(signedIn, () => {
      setEnded(false);
      setLife((known) => known + 1);
      void client.invalidateQueries();
    });
  }, [signedIn]);
  return (
    <SessionProvider me={me}>
      <LiveProvider life={life} onReauth={onReauth} onRights={look}>
        <RouterProvider router={router} />
      </LiveProvider>
      <SignInAgain opened={ended} done={back} />
    </SessionProvider>
  );
}

function App({ children }: { children: React.ReactNode }) {
  const scheme = useShownScheme();
  return (
    <MantineProvider theme={theme} forceColorScheme={scheme} withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={client}>{children}</QueryClientProvider>
    </MantineProvider>
  );
}

async function content(): Promise<React.ReactNode> {
  if (location.pathname === "/signed-in") return <SignedIn />;
  try {
    const me = await whoAmI();
    // Who only asks for things has a place of his own.
    if (me !== null && location.pathname === "/" && !me.permissions.includes("users.list")) {
      location.replace("/portal");
      return null;
    }
    if (me !== null) return <Console me={me} />;
    signIn();
    return null;
  } catch (error) {
    return <Problem error={error} retry={() => location.reload()} />;
  }
}

applyScheme();
applyLanguage();
const place = document.getElementById("root");
if (place === null) throw new Error("the page has no root");
await words("core");
const shown = await content();
if (shown !== null) {
  createRoot(place).render(
    <StrictMode>
      <App>{shown}</App>
    </StrictMode>,
  );
}
