// The demo page: puts the two people, the app and the packets together.

import { App } from "./app.js";
import { Groups } from "./groups.js";
import { Packets } from "./packets.js";
import { Pane } from "./pane.js";
import { say } from "./texts.js";

const PEOPLE = ["one", "two"];

const root = document.getElementById("demo");
const lead = document.getElementById("lead");
const leadOfTwo = lead.textContent;
const keys = document.getElementById("keys");
const packets = new Packets();
const tap = (...packet) => packets.show(...packet);

let app = null;
let groups = null;
const panes = {};

/** What the page is about just now, for its parts. */
const scene = {
  get mode() {
    return root.dataset.mode;
  },
  get app() {
    return app;
  },
  /** Id of the group that is talked in; null for one-to-one, and while there is none. */
  groupOf: (mode) => groups?.idOf(mode) ?? null,
  /** The other one. */
  peerOf: (id) => panes[PEOPLE.find((other) => other !== id)].account,
  tap,
  /** Something came in another conversation than the one on show. */
  onNews(mode) {
    document.querySelector(`#modes input[value="${mode}"]`).closest("label").dataset.news = "";
  },
  /** Whether a user may have this name. */
  prepare: (mode) => groups?.prepare(mode),
  mayBeCalled: (id, name) => name !== "" && name !== scene.peerOf(id),
  /** A user has another name: both begin anew. */
  onRename(id) {
    remember(`name-${id}`, panes[id].account);
    restart();
  },
};

function remember(name, value) {
  sessionStorage.setItem(`openmimc-demo:${name}`, value);
}

const recalled = (name) => sessionStorage.getItem(`openmimc-demo:${name}`);

/** This tab's device, the same after a reload: the server keeps each device's place. */
function deviceOf(id) {
  const known = recalled(`device-${id}`);
  if (known) return known;
  const made = `demo-${Math.random().toString(36).slice(2, 8)}`;
  remember(`device-${id}`, made);
  return made;
}

function restart() {
  groups = app && new Groups(app, panes.one, panes.two);
  for (const id of PEOPLE) {
    packets.rename(id, panes[id].account);
    panes[id].restart(app, deviceOf(id));
  }
  showMode();
}

async function showMode() {
  const { mode } = scene;
  delete document.querySelector(`#modes input[value="${mode}"]`).closest("label").dataset.news;
  for (const id of PEOPLE) panes[id].onModeChange();
  if (mode === "p2p" || !groups) {
    lead.textContent = leadOfTwo;
    return;
  }
  const asked = groups;
  const words = await groups.prepare(mode);
  if (asked === groups && scene.mode === mode) lead.textContent = words;
}

function useApp(chosen, label) {
  app = chosen;
  document.getElementById("app-id").textContent = label;
  document.getElementById("app").open = false;
  restart();
}

for (const id of PEOPLE) {
  panes[id] = new Pane(id, scene);
  const name = recalled(`name-${id}`);
  if (name) panes[id].account = name;
}

for (const choice of document.querySelectorAll("#modes input")) {
  choice.addEventListener("change", () => {
    root.dataset.mode = choice.value;
    showMode();
  });
}
root.dataset.mode = document.querySelector("#modes input:checked").value;

keys.addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = Object.fromEntries([...new FormData(keys)].map(([name, value]) => [name, value.trim()]));
  const wrong = keys.querySelector(".wrong");
  wrong.hidden = true;
  const candidate = new App(given.appId, given, tap);
  let answer;
  try {
    answer = await candidate.fetchToken("one", panes.one.account);
  } catch {
    answer = { message: say("unreachable") };
  }
  if (answer.code === 200) {
    keys.reset();
    useApp(candidate, given.appId);
  } else {
    wrong.textContent = say("noToken", { reason: answer.message });
    wrong.hidden = false;
  }
});

document.getElementById("app").addEventListener("keydown", (event) => {
  const { currentTarget: details, key } = event;
  if (key !== "Escape" || !details.open) return;
  details.open = false;
  details.querySelector("summary").focus();
});

const demoAppId = root.dataset.appId;
const demoApp = demoAppId ? new App(demoAppId, null, tap) : null;
document.getElementById("demo-app")?.addEventListener("click", () => useApp(demoApp, demoAppId));

document.addEventListener("visibilitychange", () => {
  for (const id of PEOPLE) panes[id].onModeChange();
});

if (demoApp) useApp(demoApp, demoAppId);
else restart();
