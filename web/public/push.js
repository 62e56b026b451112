// The service worker of the console: shows what is pushed to this browser, and opens what it is about. It keeps and caches nothing.
self.addEventListener("push", (event) => {
  const said = event.data?.json() ?? {};
  const shown = { body: said.body, tag: said.tag || said.id, icon: "/icon.svg", data: { url: said.url } };
  event.waitUntil(self.registration.showNotification(said.title || "ITSM", shown));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const wanted = new URL(event.notification.data?.url ?? "/", self.location.origin);
  // Elsewhere than here there is nothing of ours.
  const place = wanted.origin === self.location.origin ? wanted.href : self.location.origin;
  const opened = self.clients.matchAll({ type: "window", includeUncontrolled: true });
  event.waitUntil(
    opened.then((windows) => windows.find((each) => each.url === place)?.focus() ?? self.clients.openWindow(place)),
  );
});
