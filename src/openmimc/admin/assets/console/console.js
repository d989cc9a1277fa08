// What a page of the console can not do without a script. Everything else works when this does not run.

// ---------------------------------------------------------------- copying

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  if (!(await put(source))) return;
  const label = button.firstChild;
  const before = label.data;
  // As wide as before, so that nothing beside it moves.
  button.style.minWidth = `${button.offsetWidth}px`;
  label.data = button.dataset.done;
  say(button.dataset.done);
  setTimeout(() => (label.data = before), 1500);
}

/** Puts an element's text on the clipboard; selects it where the browser does not let us. */
async function put(source) {
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    return true;
  } catch {
    // Plain http elsewhere than on this machine has no clipboard interface.
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

/** Has a screen reader say something. */
function say(text) {
  let place = document.getElementById("said");
  if (!place) {
    place = document.createElement("p");
    place.id = "said";
    place.className = "unseen";
    place.setAttribute("role", "status");
    document.body.append(place);
  }
  place.textContent = text;
}

// ---------------------------------------------------------------- a name typed to confirm

for (const field of document.querySelectorAll("input[data-must-be]")) {
  const button = field.form.querySelector("button");
  const look = () => (button.disabled = field.value.trim() !== field.dataset.mustBe.trim());
  field.addEventListener("input", look);
  look();
}

// ---------------------------------------------------------------- codes that servers do not see

// The one-time set-up code stands behind the # of its link, which browsers do not send.
for (const field of document.querySelectorAll("input[data-from-fragment]")) {
  if (location.hash.length > 1) {
    field.value = location.hash.slice(1); // Letters, digits, - and _: nothing that is ever escaped.
    history.replaceState(null, "", location.pathname + location.search);
  }
}

// ---------------------------------------------------------------- figures that stay fresh

const PERIOD_MS = 5000;

if (document.querySelector("[data-live]")) {
  setInterval(() => document.visibilityState === "visible" && refresh(), PERIOD_MS);
}

/** Loads the page again and puts its live parts in, unless somebody is reading or typing in them. */
async function refresh() {
  let page;
  try {
    const answer = await fetch(location.href, { headers: { "x-refresh": "1" }, redirect: "error" });
    if (!answer.ok) return;
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return; // The server is away; the next try may find it.
  }
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    const selection = getSelection();
    const isBusy =
      old.contains(document.activeElement) || (!selection.isCollapsed && selection.containsNode(old, true));
    if (fresh && !isBusy && fresh.innerHTML !== old.innerHTML) old.replaceChildren(...fresh.childNodes);
  }
}

// ---------------------------------------------------------------- tabs

// On a narrow screen the chosen one may be beyond the edge.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
