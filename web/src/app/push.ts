import { api, body } from "@/api/client";
import { t } from "@/i18n";
import { toast, toastProblem } from "@/ui/toasts";

const SCRIPT = "/push.js";

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

/** Has this browser show notices, or no longer, and says which. */
export async function togglePush() {
  try {
    if (!able()) return toast(t("push.absent"), { tone: "bad" });
    if (await subscription()) {
      await forgetBrowser();
      return toast(t("push.off"));
    }
    if ((await Notification.requestPermission()) !== "granted") return toast(t("push.denied"), { tone: "bad" });
    await subscribe();
    toast(t("push.on"));
  } catch (error) {
    toastProblem(error);
  }
}
