import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";

/** Who is signed in, as `/auth/me` tells it. */
export interface Me {
  subject: string;
  kind: string;
  tenant: string;
  roles: string[];
  permissions: string[];
}

interface Session {
  me: Me;
  /** Whether the signed-in person has this permission. Services decide again. */
  can: (permission: string) => boolean;
}

const Context = createContext<Session | null>(null);

let offset = 0;

/** The server's time in milliseconds, whatever this machine's clock says. */
export const now = () => Date.now() + offset;

/** Who is signed in; null where nobody is. Throws when the gateway cannot say. */
export async function whoAmI(): Promise<Me | null> {
  const asked = Date.now();
  const answer = await fetch("/auth/me", { headers: { accept: "application/json" } });
  const told = answer.headers.get("date");
  if (told) {
    // The header has whole seconds, so its instant is on average half a second earlier than the answer.
    const difference = Date.parse(told) + 500 - (asked + Date.now()) / 2;
    offset = Math.abs(difference) > 2000 ? difference : 0;
  }
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`/auth/me: ${answer.status}`);
  return (await answer.json()) as Me;
}

/** The address of the sign-in that comes back to where we are; with `proof` it asks anew, at the level of what is sensitive. */
export const signInAddress = (proof = false) =>
  `/auth/login?${proof ? "stepUp=true&" : ""}next=${encodeURIComponent(location.pathname + location.search)}`;

let leaving = false;

/** Leads to the sign-in page, and back to where we are. */
export function signIn(proof = false) {
  // Who signs out is not led back in by a request that is refused meanwhile.
  if (!leaving) location.assign(signInAddress(proof));
}

/** Goes on after a new sign-in: as `on` says where it is the same person, from the beginning where it is another. */
export async function goOn(me: Me, on: () => void) {
  const told = await whoAmI().catch(() => null);
  if (told !== null && told.subject !== me.subject) location.reload();
  else on();
}

/** Ends the session here and at the identity provider. Where that cannot be asked for, everything stays as it is. */
export async function signOut() {
  const answer = await fetch("/auth/logout", { method: "POST", headers: { "x-itsm-csrf": "1" } }).catch(() => null);
  if (answer === null) return;
  const { logoutUrl } = (await answer.json()) as { logoutUrl: string };
  leaving = true;
  // Whoever signs in here next is not to be shown what is another's; out gets everybody, whatever the browser says to it.
  await globalThis.caches?.delete("itsm-oncall-seen").catch(() => undefined);
  await import("./push").then(({ forgetBrowser }) => forgetBrowser()).catch(() => undefined);
  location.assign(logoutUrl);
}

const LOOKED_AFTER_MS = 15_000;
/** So long after a change at most every process of the auth service has heard of it. */
const SETTLED_MS = 2_500;

/**
 * Who is signed in, as it is now: a role that was given, taken or changed counts in a page that is open, too. `look` asks at
 * once, and again when whoever is asked has surely heard of what has just changed.
 */
export function usePresentMe(me: Me): { me: Me; look: () => void } {
  const [present, setPresent] = useState(me);
  const ask = useCallback(async () => {
    // Without an answer nothing is known to be other; what is refused is told where it is asked for.
    const told = await whoAmI().catch(() => null);
    if (told !== null) setPresent((known) => (JSON.stringify(told) === JSON.stringify(known) ? known : told));
  }, []);
  useEffect(() => {
    const timer = setInterval(() => void (document.hidden || ask()), LOOKED_AFTER_MS);
    return () => clearInterval(timer);
  }, [ask]);
  const look = useCallback(() => {
    void ask();
    setTimeout(() => void ask(), SETTLED_MS);
  }, [ask]);
  return { me: present, look };
}

export function SessionProvider({ me, children }: { me: Me; children: ReactNode }) {
  const permissions = useMemo(() => new Set(me.permissions), [me]);
  const can = useCallback((permission: string) => permissions.has(permission), [permissions]);
  return <Context.Provider value={useMemo(() => ({ me, can }), [me, can])}>{children}</Context.Provider>;
}

export function useSession(): Session {
  const session = useContext(Context);
  if (session === null) throw new Error("nobody is signed in here");
  return session;
}
