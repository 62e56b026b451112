import { api, body } from "@/api/client";
import { t } from "@/i18n";

const SCRIPT = "/sw.js";

/** A key in base64url as browsers want it. */
export const keyBytes = (key: string) =>
  Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));

const able = () => "serviceWorker" in navigator && "PushManager" in window;

async function subscription() {
  const registration = able() ? await navigator.serviceWorker.getRegistration(SCRIPT) : undefined;
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/** This browser shows nothing more. Its push service says so to whoever sends the next one, who then forgets it. */
export const forgetBrowser = async () => (await subscription())?.unsubscribe();

async function subscribe() {
  const registration = await navigator.serviceWorker.register(SCRIPT);
  await navigator.serviceWorker.ready;
  const { key } = await body(api.GET("/api/v1/pushSubscriptions:key"));
  const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: keyBytes(key) });
  const { endpoint = "", keys = {} } = made.toJSON();
  const { p256dh = "", auth = "" } = keys;
  await body(api.POST("/api/v1/pushSubscriptions", { body: { endpoint, p256dh, auth, name: t("push.browser") } }));
}

/** Has this browser show notices, or no longer; says what became of it. */
export async function switchPush(): Promise<"on" | "off" | "denied" | "absent"> {
  if (!able()) return "absent";
  if (await subscription()) {
    await forgetBrowser();
    return "off";
  }
  if ((await Notification.requestPermission()) !== "granted") return "denied";
  await subscribe();
  return "on";
}

/** The same, and tells the person. */
export async function togglePush() {
  const { toast, toastProblem } = await import("@/ui/toasts");
  try {
    const became = await switchPush();
    toast(t(`push.${became}`), { tone: became === "on" || became === "off" ? "plain" : "bad" });
  } catch (error) {
    toastProblem(error);
  }
}
